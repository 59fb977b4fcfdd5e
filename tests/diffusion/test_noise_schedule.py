"""Noise levels as training and sampling read them; against diffusers: tests/parity/test_diffusion.py."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from scipy import integrate, stats

from selfrefine.diffusion import noise_schedule
from selfrefine.diffusion.noise_schedule import Schedule
from tests.support.tiny import TIMESTEPS, tiny_pipeline

LEVELS = torch.linspace(0.99, 0.01, 10)
VP_SDE = Schedule(LEVELS, continuous=True)


def draws(seed=5):
    return torch.Generator().manual_seed(seed)


def test_timesteps_are_uniform_and_reach_both_ends():
    times = Schedule(LEVELS).draw(20_000, draws())
    assert times.dtype == torch.int64
    assert stats.chisquare(torch.bincount(times, minlength=10).numpy()).pvalue > 0.001
    assert (int(times.min()), int(times.max())) == (0, 9)


def test_continuous_times_are_uniform_between_0_and_999():
    times = VP_SDE.draw(20_000, draws())
    assert times.dtype == torch.float32
    assert stats.kstest(times.double().numpy() / 999.0, "uniform").pvalue > 0.001
    assert 0.0 <= float(times.min()) < float(times.max()) < 999.0


def test_levels_are_those_of_the_table():
    times = torch.tensor([9, 0, 3, 3])
    assert torch.equal(Schedule(LEVELS).alphas_cumprod_at(times), LEVELS[times])


@pytest.mark.parametrize("t", [0.0, 0.001, 0.2, 0.7, 1.0])
def test_continuous_levels_are_the_integral_of_beta(t):
    """abar(t) = exp(-integral of beta from 0 to t), beta = 0.1 + (20 - 0.1) t (Song et al. 2021, appendix C)."""
    integral, _ = integrate.quad(lambda s: 0.1 + 19.9 * s, 0.0, t)
    level = VP_SDE.alphas_cumprod_at(torch.tensor([999.0 * t]))
    assert level.dtype == torch.float32
    assert float(level) == pytest.approx(math.exp(-integral), rel=2e-6)
    if t in (0.0, 1.0):  # whole times may be given as integers
        assert float(VP_SDE.alphas_cumprod_at(torch.tensor([int(999 * t)]))) == float(level)


def test_the_chain_of_a_table_ends_at_its_lowest_time():
    found = Schedule(LEVELS).chain(4)
    assert [t for t, _, _ in found] == [9, 6, 3, 0]
    assert all(isinstance(t, int) for t, _, _ in found)
    assert [level for _, level, _ in found] == [float(LEVELS[t]) for t in (9, 6, 3, 0)]
    assert [lower for _, _, lower in found] == [float(LEVELS[t]) for t in (6, 3, 0)] + [1.0]


def test_the_chain_of_a_vp_sde_goes_from_1_to_a_thousandth():
    found = VP_SDE.chain(5)
    times = np.array([t for t, _, _ in found])
    assert times == pytest.approx(999.0 * np.linspace(1.0, 0.001, 5))
    levels = [level for _, level, _ in found]
    assert levels == pytest.approx(np.exp(-0.1 * times / 999.0 - 9.95 * (times / 999.0) ** 2), rel=1e-5)
    assert [lower for _, _, lower in found] == [*levels[1:], 1.0]


def test_a_ddpm_pipeline_is_discrete_with_fixed_variance():
    pipeline = tiny_pipeline()
    found = noise_schedule.of(pipeline)
    assert torch.equal(found.alphas_cumprod, pipeline.scheduler.alphas_cumprod)
    assert len(found.alphas_cumprod) == TIMESTEPS
    assert (found.continuous, found.learned_variance) == (False, False)


@pytest.mark.parametrize(
    ("config", "scheduler", "expected"),
    [
        ({"continuous_time": True}, DDPMScheduler(10), (True, False)),
        ({"continuous_time": False}, DDPMScheduler(10, variance_type="learned_range"), (False, True)),
        ({}, DDPMScheduler(10, variance_type="fixed_small"), (False, False)),
        ({}, DDIMScheduler(10), (False, False)),  # has no variance_type
    ],
)
def test_network_and_scheduler_tell_what_a_schedule_is(config, scheduler, expected):
    pipeline = SimpleNamespace(unet=SimpleNamespace(config=SimpleNamespace(**config)), scheduler=scheduler)
    found = noise_schedule.of(pipeline)
    assert (found.continuous, found.learned_variance) == expected


def test_on_another_device_it_is_the_same():
    moved = Schedule(LEVELS, continuous=True, learned_variance=True).to("meta")
    assert moved.alphas_cumprod.device.type == "meta"
    assert (moved.continuous, moved.learned_variance) == (True, True)
