"""Samplers of the VP-SDE: a Gaussian in closed form, diffusers' own VP-SDE, discrete schedules (method 3, 5.1, 7)."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers.schedulers.deprecated.scheduling_sde_vp import ScoreSdeVpScheduler
from scipy import integrate

from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import samplers, sde_samplers
from selfrefine.diffusion.noise_schedule import Schedule

CONTINUOUS = Schedule(torch.linspace(0.99, 0.01, 10), continuous=True)  # of which the table is not read
VARIANCE = 0.04


class GaussianNoise(torch.nn.Module):
    """The exact noise predictor of data N(0, v) at 999 t, with abar(t) = exp(-.1 t - 9.95 t^2) in float64."""

    def forward(self, noisy, time):
        t = time / 999.0
        level = math.exp(-0.1 * t - 9.95 * t**2)
        return SimpleNamespace(sample=(1 - level) ** 0.5 * noisy / (level * VARIANCE + 1 - level))


def streams(n):
    return [random_streams.stream(0, "evaluation", row) for row in range(n)]


@pytest.mark.parametrize("t", [0.001, 0.3, 1.0])
def test_beta_is_what_the_levels_are_made_of(t):
    integral, _ = integrate.quad(sde_samplers.beta, 0.0, t)
    level = float(CONTINUOUS.alphas_cumprod_at(torch.tensor([999.0 * t])))
    assert level == pytest.approx(math.exp(-integral), rel=1e-5)
    assert (sde_samplers.beta(0.0), sde_samplers.beta(1.0)) == pytest.approx((0.1, 20.0))


@pytest.mark.parametrize("sampler", [sde_samplers.euler_ode, samplers.ddim])
def test_the_probability_flow_of_a_gaussian_is_reached_as_one_over_the_steps(sampler):
    noisy = torch.linspace(-2, 2, 9).view(9, 1, 1, 1)
    start = math.exp(-10.05)
    exact = noisy * (VARIANCE / (start * VARIANCE + 1 - start)) ** 0.5
    errors = [
        float((sampler(GaussianNoise(), CONTINUOUS, noisy, steps, []) - exact).abs().max()) for steps in (100, 200, 400)
    ]
    assert errors[2] < 0.01
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.1)
    assert errors[2] / errors[1] == pytest.approx(0.5, abs=0.1)


def test_the_reverse_process_of_a_gaussian_ends_at_its_variance():
    own = streams(4)
    noisy = random_streams.image_noise(own, (1, 64, 64))
    images = sde_samplers.euler_sde(GaussianNoise(), CONTINUOUS, noisy, 400, own)
    assert float(images.var()) == pytest.approx(VARIANCE, rel=0.05)  # 16,384 pixels: 1.1 % of standard error
    assert abs(float(np.corrcoef(noisy.flatten(), images.flatten())[0, 1])) < 0.04  # and x_1 is forgotten


def test_steps_are_those_of_diffusers_vp_sde():
    """All its steps are 1/N long: its drift and noise, rescaled to our steps."""
    theirs, network, steps = ScoreSdeVpScheduler(beta_min=0.1, beta_max=20, sampling_eps=1e-3), GaussianNoise(), 50
    theirs.set_timesteps(steps)
    ours, same = streams(2), streams(2)
    found = sde_samplers.euler_sde(network, CONTINUOUS, random_streams.image_noise(ours, (1, 4, 4)), steps, ours)
    expected = random_streams.image_noise(same, (1, 4, 4))
    for t, lower in zip(theirs.timesteps.tolist(), [*theirs.timesteps.tolist()[1:], 0.0], strict=True):
        _, mean = theirs.step_pred(network(expected, 999.0 * t).sample, expected, torch.full((2,), t))
        expected = expected + (t - lower) * steps * (mean - expected)
        if lower:
            expected = expected + ((0.1 + 19.9 * t) * (t - lower)) ** 0.5 * random_streams.image_noise(same, (1, 4, 4))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert 0.1 < float(found.std()) < 0.4


@pytest.mark.parametrize("sampler", ["euler_ode", "euler_sde"])
def test_a_discrete_schedule_is_refused_in_one_line(sampler):
    discrete = Schedule(torch.linspace(0.99, 0.01, 10))
    with pytest.raises(InputError, match=f"generate_samples.sampler is {sampler}.*ddim_eta_1 or ancestral") as error:
        samplers.SAMPLERS[sampler](GaussianNoise(), discrete, torch.zeros(1, 1, 2, 2), 4, [])
    assert "\n" not in str(error.value)
