"""Canny's edges against OpenCV's."""

import cv2
import numpy as np
import pytest
import torch

from selfrefine.guidance import canny


@pytest.mark.parametrize("shape", [(40, 16, 16), (10, 37, 23), (2, 64, 64)])
@pytest.mark.parametrize("blur", [False, True])
def test_edges_are_those_of_opencv_bit_for_bit(shape, blur):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    if blur:
        images = np.stack([cv2.GaussianBlur(image, (5, 5), 1.0) for image in images])
    expected = np.stack([cv2.Canny(image, 100, 200) > 0 for image in images])
    assert 0.05 < expected.mean() < 0.6
    assert np.array_equal(canny.canny(torch.from_numpy(images), low=100, high=200).numpy(), expected)


def test_weak_ridges_count_only_where_they_hang_on_strong_ones():
    images = np.zeros((2, 24, 24), np.uint8)
    images[0, :12, 8:] = 60  # a step that is strong
    images[0, 12:, 8:] = 35  # and goes on weakly
    images[1, :, 8:] = 35  # a weak one alone
    found = canny.canny(torch.from_numpy(images), low=100, high=200)
    assert found[0, :, 6:10].any(dim=1).all()
    assert not found[1].any()
