"""What a network may say of x_t beside the noise: the targets against diffusers, the samplers against one another."""

from types import SimpleNamespace
from typing import get_args

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from torch import nn

from selfrefine.core import random_streams
from selfrefine.diffusion import forward_process, noise_schedule, sampling
from selfrefine.diffusion.forward_process import PREDICTIONS, Prediction
from selfrefine.diffusion.learned_variance import Bound
from selfrefine.diffusion.noise_schedule import Schedule

STEPS = 20
LEVELS = DDPMScheduler(STEPS).alphas_cumprod
TIMES = torch.tensor([0, 7, 19])


def normal(seed: int) -> torch.Tensor:
    return torch.randn((3, 2, 4, 4), generator=torch.Generator().manual_seed(seed))


def saying(prediction: Prediction, **levels) -> Schedule:
    return noise_schedule.of(
        SimpleNamespace(
            unet=SimpleNamespace(config={}), scheduler=DDPMScheduler(STEPS, prediction_type=prediction, **levels)
        )
    )


def test_all_predictions_are_known():
    assert get_args(Prediction) == PREDICTIONS


def test_the_velocity_is_that_of_diffusers():
    images, noise = normal(0), normal(1)
    found = forward_process.target_of(noise, images, LEVELS[TIMES], "v_prediction")
    torch.testing.assert_close(found, DDPMScheduler(STEPS).get_velocity(images, noise, TIMES))


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_images_follow_from_what_should_be_predicted_of_plain_x_t(prediction):
    images, noise, levels = normal(0), normal(1), LEVELS[TIMES]
    noisy = forward_process.diffuse(images, noise, levels)
    target = forward_process.target_of(noise, images, levels, prediction)
    found = forward_process.images_of(target, noisy, levels.view(-1, 1, 1, 1), prediction)
    torch.testing.assert_close(found, images, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_target_is_that_of_the_plain_noise_and_x_t_is_amplified(prediction):
    """Paper mode: a network that is given the amplified x_t is asked for what it would be asked for without a map."""
    images, noise, levels = normal(0), normal(1), LEVELS[TIMES]
    steered = forward_process.steer(noise, torch.ones(4, 4), "xt", 0.5)
    assert not torch.equal(steered.injected, noise)
    found = forward_process.target_of(steered.target, images, levels, prediction)
    assert torch.equal(found, forward_process.target_of(noise, images, levels, prediction))


class Knowing(nn.Module):
    """A network that knows x_0 of every x_t, and says of it what its schedule expects: E[x_0 | x_t] = x_t / 2."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule, self.device = schedule, torch.device("cpu")
        self.config = SimpleNamespace(in_channels=3, sample_size=4)

    def forward(self, noisy, t):
        level = self.schedule.alphas_cumprod[t]
        images = (0.5 * noisy).clamp(-1.0, 1.0)
        noise = (noisy - level**0.5 * images) / (1.0 - level) ** 0.5
        target = forward_process.target_of(noise, images, level.expand(len(noisy)), self.schedule.prediction)
        return SimpleNamespace(sample=target)


def sampled(prediction, sampler, **levels):
    schedule = saying(prediction, **levels)
    streams = [random_streams.stream(0, "evaluation", row) for row in range(2)]
    how = {"sampler": sampler, "steps": 6, "dtype": torch.float32}
    return sampling.sample_chunk(Knowing(schedule), schedule, streams, **how)


@pytest.mark.parametrize("sampler", ["ddim", "ddim_eta_1", "ancestral"])
@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
def test_a_sampler_makes_the_images_of_the_same_network_that_says_the_noise(sampler, prediction):
    torch.testing.assert_close(sampled(prediction, sampler), sampled("epsilon", sampler), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sampler", ["ddim", "ddim_eta_1", "ancestral"])
@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
def test_a_schedule_that_ends_in_noise_alone_is_sampled(sampler, prediction):
    found = sampled(prediction, sampler, rescale_betas_zero_snr=True)
    assert found.isfinite().all()
    assert found.std() > 0


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_the_bound_of_a_learned_variance_is_the_same_whatever_is_predicted(prediction):
    images, noise, levels = normal(0).clamp(-1, 1), normal(1), LEVELS[TIMES]
    noisy, guessed = forward_process.diffuse(images, noise, levels), noise + 0.1 * normal(2)
    as_images = forward_process.images_of(guessed, noisy, levels.view(-1, 1, 1, 1), "epsilon")
    said = forward_process.target_of(guessed, as_images, levels, prediction)
    found = Bound(saying(prediction)).terms(said, 0.3 * normal(3), images, noisy, TIMES)
    expected = Bound(saying("epsilon")).terms(guessed, 0.3 * normal(3), images, noisy, TIMES)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_ddim_makes_the_images_of_diffusers(prediction):
    schedule = saying(prediction)
    network = Knowing(schedule)
    theirs = DDIMScheduler(
        STEPS, prediction_type=prediction, clip_sample=True, set_alpha_to_one=True, timestep_spacing="leading"
    )
    theirs.set_timesteps(STEPS)
    streams = [random_streams.stream(0, "evaluation", row) for row in range(2)]
    noisy = random_streams.image_noise(streams, (3, 4, 4))
    for t in theirs.timesteps:
        noisy = theirs.step(network(noisy, t).sample, t, noisy, use_clipped_model_output=True).prev_sample
    streams = [random_streams.stream(0, "evaluation", row) for row in range(2)]
    how = {"sampler": "ddim", "steps": STEPS, "dtype": torch.float32}
    torch.testing.assert_close(sampling.sample_chunk(network, schedule, streams, **how), noisy, rtol=1e-3, atol=1e-3)
