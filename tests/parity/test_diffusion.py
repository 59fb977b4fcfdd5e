"""Schedules and samplers against diffusers and against closed forms (method 7, "Diffusion maths")."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from selfrefine import networks
from selfrefine.core import random_streams
from selfrefine.diffusion import forward_process, noise_schedule, samplers
from tests.support.tiny import NETWORK, SIZE, TIMESTEPS, tiny_pipeline


@pytest.fixture(scope="module")
def linear() -> noise_schedule.Schedule:
    network = {
        "channels": 1,
        "block_out_channels": [8],
        "attention": [False],
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 4,
        "dropout": 0.0,
    }
    pipeline = networks.build("ddpm", network, {"schedule": "linear", "timesteps": 1000}, 8, seed=0)
    return noise_schedule.of(pipeline)


def test_linear_schedule_equals_its_closed_form_in_float64(linear):
    expected = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose(linear.alphas_cumprod.numpy(), expected, atol=1e-5, rtol=1e-4)


def test_diffuse_equals_add_noise(linear):
    images, noise = torch.rand(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    times = torch.tensor([0, 10, 500, 998, 999])
    expected = DDPMScheduler(1000).add_noise(images, noise, times)
    torch.testing.assert_close(
        forward_process.diffuse(images, noise, linear.alphas_cumprod_at(times)), expected, atol=1e-5, rtol=0
    )


def test_spacing_is_the_authors():
    times = noise_schedule.spaced_timesteps(1000, 250)
    assert times[::-1][:3] == [0, 4, 8]
    assert times[:3] == [999, 995, 991]
    assert len(set(times)) == 250


def improved_pipeline():
    diffusion_params = {"schedule": "squaredcos_cap_v2", "timesteps": TIMESTEPS, "learned_variance": True}
    return networks.build("improved_ddpm", NETWORK, diffusion_params, SIZE, seed=0)


def test_cosine_schedule_equals_its_closed_form_in_float64():
    """cos^2 with offset 0.008, betas of at most 0.999 (Nichol & Dhariwal 2021, Eq. 17)."""
    levels = np.cos((np.linspace(0, 1, TIMESTEPS + 1) + 0.008) / 1.008 * np.pi / 2) ** 2
    expected = np.cumprod(1 - np.minimum(1 - levels[1:] / levels[:-1], 0.999))
    np.testing.assert_allclose(noise_schedule.of(improved_pipeline()).alphas_cumprod.numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("make", [tiny_pipeline, improved_pipeline])
def test_ddim_on_the_full_chain_equals_diffusers(make):
    pipeline = make()
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=True, set_alpha_to_one=True)
    total = pipeline.scheduler.config.num_train_timesteps
    scheduler.set_timesteps(total)
    streams = [random_streams.stream(0, "evaluation", row) for row in range(2)]
    noisy = random_streams.image_noise(streams, (3, 8, 8))
    with torch.no_grad():
        ours = samplers.ddim(pipeline.unet, noise_schedule.of(pipeline), noisy, total, streams)
        for t in scheduler.timesteps:
            noise = pipeline.unet(noisy, t).sample[:, :3]
            noisy = scheduler.step(noise, t, noisy, eta=0.0, use_clipped_model_output=True).prev_sample
    torch.testing.assert_close(ours, noisy, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [tiny_pipeline, improved_pipeline])
def test_ddim_eta_1_equals_diffusers(make):
    """On all timesteps: diffusers respaces in another way. A learned variance is of no use to it."""
    pipeline = make()
    total = pipeline.scheduler.config.num_train_timesteps
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=True, set_alpha_to_one=True)
    ours, theirs = ([random_streams.stream(0, "evaluation", row) for row in range(2)] for _ in range(2))
    shape = (3, 8, 8)
    with torch.no_grad():
        start = random_streams.image_noise(ours, shape)
        images = samplers.ddim_eta_1(pipeline.unet, noise_schedule.of(pipeline), start, total, ours)
        noisy = random_streams.image_noise(theirs, shape)
        scheduler.set_timesteps(total)
        for t in scheduler.timesteps:
            noise = pipeline.unet(noisy, t).sample[:, :3]
            fresh = random_streams.image_noise(theirs, shape) if t > 0 else torch.zeros_like(noisy)
            how = {"eta": 1.0, "use_clipped_model_output": True, "variance_noise": fresh}
            noisy = scheduler.step(noise, t, noisy, **how).prev_sample
    torch.testing.assert_close(images, noisy, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [tiny_pipeline, improved_pipeline])
def test_ancestral_on_a_respaced_chain_equals_diffusers(make):
    """With the large variance, and with one learned between the bounds of the respaced chain."""
    pipeline = make()
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    times = noise_schedule.spaced_timesteps(scheduler.config.num_train_timesteps, 7)
    scheduler.set_timesteps(timesteps=times)
    shape = (3, 8, 8)
    ours, theirs = ([random_streams.stream(0, "evaluation", row) for row in range(2)] for _ in range(2))
    with torch.no_grad():
        start = random_streams.image_noise(ours, shape)
        images = samplers.ancestral(pipeline.unet, noise_schedule.of(pipeline), start, 7, ours)
        noisy = random_streams.image_noise(theirs, shape)
        for t in times:
            # diffusers draws one tensor for the batch: give it each image's own noise, image by image
            output = pipeline.unet(noisy, t).sample
            steps = [
                scheduler.step(output[row : row + 1], t, noisy[row : row + 1], generator=theirs[row]).prev_sample
                for row in range(2)
            ]
            noisy = torch.cat(steps)
    torch.testing.assert_close(images, noisy, atol=1e-5, rtol=0)


class GaussianScore(torch.nn.Module):
    """The exact noise predictor of data N(0, v): eps = s_t x / (abar v + 1 - abar)."""

    def __init__(self, levels: torch.Tensor, variance: float) -> None:
        super().__init__()
        self.levels, self.variance = levels, variance

    def forward(self, noisy, t):
        level = float(self.levels[t])
        noise = (1 - level) ** 0.5 * noisy / (level * self.variance + 1 - level)
        return type("Output", (), {"sample": noise})


def test_ddim_converges_to_the_probability_flow_of_a_gaussian(linear):
    variance, noisy = 0.04, torch.linspace(-2, 2, 9).view(9, 1, 1, 1)
    network = GaussianScore(linear.alphas_cumprod, variance)
    start = float(linear.alphas_cumprod[-1])
    exact = noisy * (variance / (start * variance + 1 - start)) ** 0.5
    errors = [float((samplers.ddim(network, linear, noisy, steps, []) - exact).abs().max()) for steps in (25, 100, 400)]
    assert errors[2] < errors[1] < errors[0]
    assert errors[2] < 0.01
