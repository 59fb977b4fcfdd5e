"""Samplers: from noise to images, by one network evaluation a step."""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from selfrefine.core import prefetch, random_streams
from selfrefine.diffusion import forward_process, learned_variance, sde_samplers
from selfrefine.diffusion.noise_schedule import Schedule, Step
from selfrefine.diffusion.sde_samplers import Streams

# The last two are for networks of continuous time.
Sampler = Literal["ddim", "ddim_eta_1", "ancestral", "euler_ode", "euler_sde"]


def _images(output: Tensor, noisy: Tensor, level: float, schedule: Schedule) -> Tensor:
    """x_0, where bounded clipped to [-1, 1], from a network's output for x_t at abar_t = level."""
    predicted = forward_process.predicted_of(output, noisy.shape[1])
    images = forward_process.images_of(predicted, noisy, level, schedule.prediction)
    return images.clamp(-1.0, 1.0) if schedule.bounded else images


def ddim(network: nn.Module, schedule: Schedule, noisy: Tensor, steps: int, _streams: Streams) -> Tensor:
    """DDIM with eta 0: x_T (N, C, H, W) float32 to images in [-1, 1]. Song et al. 2021, Eq. 12; method 3."""
    for t, level, lower in schedule.steps_on(noisy.device, steps):
        images = _images(network(noisy, t).sample.float(), noisy, level, schedule)
        noise = (noisy - level**0.5 * images) / (1.0 - level) ** 0.5  # once more: x_0 was clipped
        noisy = lower**0.5 * images + (1.0 - lower) ** 0.5 * noise
    return noisy


def ddim_eta_1(network: nn.Module, schedule: Schedule, noisy: Tensor, steps: int, streams: Streams) -> Tensor:
    """DDIM with eta 1: x_T to images in [-1, 1]. Song et al. 2021, Eq. 12 and 16; what the authors sample latents with.

    It is the reverse chain with the variance of the posterior, the small one, whatever a network has learned.
    """
    for step in schedule.steps_on(noisy.device, steps):
        noisy = _reverse(network, schedule, noisy, step, streams, small=True)
    return noisy


def ancestral(network: nn.Module, schedule: Schedule, noisy: Tensor, steps: int, streams: Streams) -> Tensor:
    """DDPM's sampler on a respaced chain: x_T to images in [-1, 1]. Ho et al. 2020, Alg. 2."""
    for step in schedule.steps_on(noisy.device, steps):
        noisy = ancestral_step(network, schedule, noisy, step, streams)
    return noisy


def ancestral_step(network: nn.Module, schedule: Schedule, noisy: Tensor, step: Step, streams: Streams) -> Tensor:
    """One reverse step of a respaced chain, x_t to x_t-1; the last gives x_0, clipped to [-1, 1].

    Its variance is the large one, or as learned between the bounds of that step of the chain.

    Args:
        network, schedule: as in `sample_chunk`.
        noisy: x_t, (N, C, H, W) float32.
        step: of `Schedule.chain`.
        streams: one generator per image, for the noise of the step; the last step draws none.
    """
    return _reverse(network, schedule, noisy, step, streams, small=False)


def _reverse(
    network: nn.Module, schedule: Schedule, noisy: Tensor, step: Step, streams: Streams, *, small: bool
) -> Tensor:
    """A reverse step with the posterior's variance, the small one, or with the network's."""
    t, level, lower = step
    output, posterior = network(noisy, t).sample.float(), forward_process.posterior(level, lower)
    mean = posterior.from_images * _images(output, noisy, level, schedule) + posterior.from_noisy * noisy
    if lower == 1.0:
        return mean
    fresh = prefetch.sent_one(random_streams.image_noise(list(streams), tuple(noisy.shape[1:])), noisy.device)
    deviation = posterior.variance**0.5 if small else _deviation(output, posterior, schedule.learned_variance)
    return mean + deviation * fresh


def _deviation(output: Tensor, step: forward_process.Posterior[float], learned: bool) -> Tensor | float:
    """The standard deviation of a reverse step, as learned (N, C, H, W) or the large one."""
    if not learned:
        large: float = step.beta**0.5
        return large
    _, v = output.chunk(2, dim=1)
    return torch.exp(0.5 * learned_variance.log_variance(v, math.log(step.variance), math.log(step.beta)))


SAMPLERS: dict[Sampler, Callable[[nn.Module, Schedule, Tensor, int, Streams], Tensor]] = {
    "ddim": ddim,
    "ddim_eta_1": ddim_eta_1,
    "ancestral": ancestral,
    "euler_ode": sde_samplers.euler_ode,
    "euler_sde": sde_samplers.euler_sde,
}
