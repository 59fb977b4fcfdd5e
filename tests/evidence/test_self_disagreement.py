from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, noise_schedule
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.evidence import self_disagreement
from selfrefine.evidence.self_disagreement import disagreement_maps, nearest_times
from tests.support import tiny, tiny_families, tiny_prompt

LEVELS = (0.95, 0.8, 0.5)
SCHEDULE = Schedule(torch.cumprod(1.0 - torch.linspace(1e-4, 0.02, 1000), 0), bounded=False)
DEVIATION = 0.3  # of the images that the ideal network knows


class Ideal(nn.Module):
    """The ideal network of images whose pixels are independent and normal: grey, with DEVIATION."""

    device = torch.device("cpu")
    config = SimpleNamespace(in_channels=3)

    def forward(self, noisy, times):
        """The noise, given x_t."""
        level = SCHEDULE.alphas_cumprod[times].view(-1, 1, 1, 1)
        clean = level.sqrt() * DEVIATION**2 / (level * DEVIATION**2 + 1 - level) * noisy
        return SimpleNamespace(sample=(noisy - level.sqrt() * clean) / (1 - level).sqrt())


def maps(network=None, schedule=SCHEDULE, images=None, **changes):
    """Those of two images."""
    images = tiny.tiny_images(2) if images is None else images
    options = {"numbers": range(len(images)), "levels": LEVELS, "draws": 2, "seed": 0, "dtype": torch.float32}
    return disagreement_maps(network or Ideal(), schedule, images, **options | changes)


def test_the_disagreement_of_an_ideal_network_is_that_of_the_closed_form():
    """x0_hat(t) = k_t (a_t x_0 + s_t eps), k_t = a_t v / (a_t^2 v + s_t^2) for images of variance v."""
    images = tiny.tiny_images(3)
    clean = torch.from_numpy(images).permute(0, 3, 1, 2).double() / 127.5 - 1.0
    levels = torch.tensor([level for _, level in nearest_times(SCHEDULE, LEVELS)]).double().view(-1, 1, 1, 1)
    for row, number in enumerate((7, 3, 8)):
        stream, variances = random_streams.stream(5, "map_evidence", -1 - number), []
        for _ in range(2):
            noise = random_streams.image_noise([stream], (3, 8, 8)).double()
            noisy = levels.sqrt() * clean[row] + (1 - levels).sqrt() * noise
            predicted = levels.sqrt() * DEVIATION**2 / (levels * DEVIATION**2 + 1 - levels) * noisy
            variances.append(((predicted - predicted.mean(dim=0)) ** 2).mean(dim=0).mean(dim=0))
        expected = (sum(variances) / 2).sqrt().numpy()
        found = maps(images=images, numbers=(7, 3, 8), seed=5)
        assert found[row] == pytest.approx(expected, abs=1e-5)


def test_it_is_highest_where_an_image_is_unlike_what_the_network_knows():
    """Bright pixels, which the ideal network has hardly seen, in one cell of a grey image."""
    images = np.full((1, 16, 16, 3), 128, np.uint8)
    images[0, 8:12, 4:8] = 255
    found = maps(images=images, draws=4)[0].reshape(4, 4, 4, 4).mean(axis=(1, 3))
    assert np.unravel_index(found.argmax(), (4, 4)) == (2, 1)
    assert found.max() > 1.5 * np.sort(found.ravel())[-2]


@pytest.mark.parametrize("family", tiny_families.FITTING)
def test_every_family_has_maps_of_its_images_size(family, monkeypatch):
    """Latent networks, too; they do not depend on which images are taken together, nor on their order."""
    make, works_on = tiny_families.FITTING[family]
    pipeline = make()
    images = tiny.tiny_images(3)
    images = images[..., :1].repeat(3, axis=3) if pipeline.unet.config.in_channels == 1 else images
    schedule, codec = noise_schedule.of(pipeline), autoencoder.of(pipeline)
    captions = tiny_prompt.captions(3) if works_on == tiny_families.PROMPTS else None
    given = {"codec": codec, "captions": captions}
    found = maps(pipeline.unet, schedule, images, **given)
    assert found.shape == (3, 8, 8)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (found.reshape(3, -1).max(axis=1) > 0.0).all()
    monkeypatch.setattr(self_disagreement, "CHUNK", 2)
    again = maps(pipeline.unet, schedule, images[::-1], numbers=(2, 1, 0), **given)
    assert again[::-1] == pytest.approx(found, abs=1e-4)


def test_times_are_those_of_the_levels_nearest_to_the_asked_ones_from_the_noisiest():
    found = nearest_times(SCHEDULE, (0.9, 0.3, 0.9001))
    assert [level for _, level in found] == pytest.approx([0.3, 0.9], abs=0.01)
    assert all(float(SCHEDULE.alphas_cumprod[time]) == pytest.approx(level) for time, level in found)
    continuous = nearest_times(Schedule(SCHEDULE.alphas_cumprod, continuous=True), (0.9, 0.3))
    times = torch.tensor([time for time, _ in continuous])
    assert noise_schedule.Schedule(SCHEDULE.alphas_cumprod, continuous=True).alphas_cumprod_at(times).tolist() == (
        pytest.approx([0.3, 0.9], abs=0.01)
    )


@pytest.mark.parametrize("levels", [(), (0.5,), (0.5, 0.5)])
def test_fewer_than_two_times_are_refused(levels):
    with pytest.raises(InputError, match="at least two different ones needed"):
        maps(levels=levels)
