"""What a map would be without each of its images, against maps that are made of the others."""

import numpy as np
import pytest
import torch

from selfrefine.evidence.jackknife_maps import FixedMap, MeanMap, MomentGap
from selfrefine.guidance import control_maps


def test_a_mean_without_an_image_is_that_of_the_others():
    single = np.random.default_rng(0).random((7, 9), np.float32)
    found = MeanMap(single, "fake")
    assert found.value == pytest.approx(single.mean(axis=0))
    for image in range(7):
        assert found.without(slice(image, image + 1))[0] == pytest.approx(np.delete(single, image, 0).mean(axis=0))


def test_a_map_of_no_images_has_none_to_lose():
    found = FixedMap(np.arange(9.0))
    assert len(found) == 0
    assert found.without(slice(0, 5)).shape == (0, 9)


def test_a_gap_of_moments_without_an_image_is_that_of_the_others():
    draws = torch.Generator().manual_seed(0)
    images = torch.randn((9, 1, 8, 8), generator=draws, dtype=torch.float64)
    mean, std = torch.randn((2, 1, 8, 8), generator=draws, dtype=torch.float64).abs()
    gap = MomentGap(images, mean, std, 2, "fake")
    assert gap.value == pytest.approx(control_maps.moment_gap(images, mean, std, 2).flatten().numpy(), abs=1e-9)
    others = torch.cat([images[:4], images[5:]])
    assert gap.without(slice(4, 5))[0] == pytest.approx(
        control_maps.moment_gap(others, mean, std, 2).flatten().numpy(), abs=1e-9
    )
