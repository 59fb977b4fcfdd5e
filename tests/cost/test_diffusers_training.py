"""The diffusers loop that ours is measured against trains the same network on the same pixels."""

import time

import numpy as np
import pytest
import torch

from selfrefine.core import pixels
from selfrefine.cost import diffusers_training
from selfrefine.cost.diffusers_training import DIFFUSERS, DiffusersLoop, PilImages, Sizes
from tests.support.tiny import tiny_images
from tests.support.tiny_subject import tiny_subject


def loop(**settings):
    subject = tiny_subject(**settings)
    return DiffusersLoop(subject.pipeline(), subject.images, subject.settings)


@pytest.mark.parametrize("channels", [1, 3])
def test_pil_images_are_the_pixels_that_ours_sees(channels):
    images = tiny_images()
    data = PilImages(images, channels, horizontal_flip=False)
    assert len(data) == len(images)
    seen = torch.stack([data[row] for row in range(len(data))])
    torch.testing.assert_close(seen, pixels.to_float(images, channels), atol=1e-6, rtol=0)


def test_mirrors_where_ours_does():
    image = np.zeros((1, 8, 8, 3), np.uint8)
    image[:, :, :4] = 255
    torch.manual_seed(0)
    left = [float(PilImages(image, 1, horizontal_flip=True)[0][0, 0, 0]) for _ in range(20)]
    assert set(left) == {-1.0, 1.0}


def test_updates_follow_our_rate_and_keep_an_average():
    training = loop(warmup_steps=4)
    before = [parameter.detach().clone() for parameter in training.network.parameters()]
    for step in range(6):
        assert training.optimiser.param_groups[0]["lr"] == pytest.approx(training.settings.rate(step))
        assert np.isfinite(training.update())
    after, average = list(training.network.parameters()), training.ema.shadow_params
    moved = [float((now - then).detach().norm()) for now, then in zip(after, before, strict=True)]
    behind = [float((now - mean).detach().norm()) for now, mean in zip(after, average, strict=True)]
    assert sum(moved) > sum(behind) > 0.0


def test_goes_through_the_data_again_and_again():
    training = loop(batch_size=32)
    first, second = next(training.batches), next(training.batches)
    assert len(first) == len(second) == 32
    assert not torch.equal(first, second), "another order"
    torch.testing.assert_close(first.sum(), second.sum())


def test_learns():
    torch.manual_seed(0)
    training = loop(batch_size=16, learning_rate=0.01, warmup_steps=1, base_steps=1000)
    losses = [training.update() for _ in range(30)]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_measures_theirs_and_ours_in_both_precisions(dtype):
    lines = diffusers_training.measure(
        tiny_subject(dtype), Sizes(rounds=2, updates=1), time.perf_counter, lambda line: None
    )
    ours = ["ours, float32"] if dtype == torch.float32 else ["ours, float32", "ours, bfloat16"]
    assert [line["case"] for line in lines] == [DIFFUSERS, *ours]
    assert lines[0]["ratio"] == 1.0
    assert all(line["batch"] == 4 and line["images_per_second"] > 0.0 for line in lines)
