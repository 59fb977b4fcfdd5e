"""What a discriminator of noisy images learns from: x_t of the base model's schedule, an image and its stream each."""

import numpy as np
import pytest
import torch

from selfrefine import networks
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance import noisy_images
from selfrefine.guidance.noisy_images import NoisyImages
from tests.support import tiny

COUNT = 4000
LEVELS = [0.9, 0.5, 0.02]


def streams(count, first=0):
    return [random_streams.stream(0, "highlighter", number) for number in range(first, first + count)]


@pytest.mark.parametrize("grey", [0, 100, 255])
def test_one_time_makes_the_mean_and_variance_of_the_forward_process(grey):
    """sqrt(abar) x_0 and 1 - abar, also where most of x_t lies outside [-1, 1]: nothing is clamped."""
    read = NoisyImages(Schedule(torch.tensor([0.3])), channels=3)
    found = read(np.full((COUNT, 2, 2, 3), grey, np.uint8), streams(COUNT))
    assert found.shape == (COUNT, 3, 2, 2)
    assert found.dtype == torch.float32
    mean, error = 0.3**0.5 * (grey / 127.5 - 1.0), (0.7 / COUNT) ** 0.5
    assert (found.mean(dim=0) - mean).abs().max() < 4 * error
    assert (found.var(dim=0) - 0.7).abs().max() < 4 * 0.7 * (2 / COUNT) ** 0.5


def test_times_are_uniform():
    """x_t of black images is -sqrt(abar) + noise: its mean is the average over the schedule, or the integral."""
    read = NoisyImages(Schedule(torch.tensor(LEVELS)), channels=3)
    found = read(np.zeros((COUNT, 4, 4, 3), np.uint8), streams(COUNT)).double()
    expected = -np.sqrt(LEVELS).mean()
    spread = np.sqrt(LEVELS).std()  # of the mean of an image over its times
    assert abs(found.mean() - expected) < 4 * (spread + 0.2) / COUNT**0.5
    assert abs(found.square().mean() - 1.0) < 0.05  # abar + (1 - abar) at every time
    one = NoisyImages(Schedule(torch.ones(1), continuous=True), channels=3)
    abar = torch.exp(-0.1 * (t := torch.linspace(0, 1, 10001)) - 9.95 * t**2)
    black = one(np.zeros((COUNT, 4, 4, 3), np.uint8), streams(COUNT))
    assert abs(black.mean() + abar.sqrt().mean()) < 4 * (abar.sqrt().std() + 0.2) / COUNT**0.5


def test_an_image_is_noised_by_its_own_stream_alone_and_again_the_same():
    read = NoisyImages(Schedule(torch.tensor(LEVELS)), channels=3)
    images = tiny.tiny_images(6)
    whole = read(images, streams(6))
    assert torch.equal(torch.cat([read(images[:2], streams(2)), read(images[2:], streams(4, first=2))]), whole)
    assert not torch.equal(read(images, streams(6, first=1)), whole)


def test_grey_images_have_grey_noise():
    grey = np.repeat(tiny.tiny_images(4)[..., :1], 3, axis=3)
    assert NoisyImages(Schedule(torch.tensor(LEVELS)), channels=1)(grey, streams(4)).shape == (4, 1, 8, 8)


def test_schedule_and_channels_are_the_base_models(tmp_path):
    networks.save(tiny.tiny_pipeline(channels=1), tmp_path / "pipeline")
    read = noisy_images.reader((tmp_path / "pipeline",), "noisy")
    expected = np.cumprod(1.0 - np.linspace(1e-4, 0.02, tiny.TIMESTEPS))
    np.testing.assert_allclose(read.schedule.alphas_cumprod.numpy(), expected, rtol=1e-5)
    assert read.channels == 1


@pytest.mark.parametrize("count", [0, 2])
def test_without_its_one_base_model_it_is_told_so(count, tmp_path):
    with pytest.raises(InputError, match=rf"highlighters\.noisy is true, and {count} base models are given; one is"):
        noisy_images.reader((tmp_path,) * count, "noisy")
