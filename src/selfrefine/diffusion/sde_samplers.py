"""Samplers of the VP-SDE (Song et al. 2021, "Score-based generative modeling"): Euler steps from t = 1 to 0.

beta(t) = 0.1 + 19.9 t; the score is -eps / sqrt(1 - abar(t)). Steps are equal from 1 to 0.001, and one goes from there
to 0. Method 3 (the authors' maps) and 5.1 (their samples).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from selfrefine.core import prefetch, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule
from selfrefine.diffusion.noise_schedule import LINEAR, SQUARE, TIME_SCALE, Schedule

Streams = Sequence[torch.Generator]


def beta(t: float) -> float:
    """The rate at which noise comes in at t in [0, 1]: the derivative of -log abar."""
    return LINEAR + 2.0 * SQUARE * t


def euler_ode(network: nn.Module, schedule: Schedule, noisy: Tensor, steps: int, _streams: Streams) -> Tensor:
    """Euler's method on the probability-flow ODE: x_1 (N, C, H, W) float32 to images in [-1, 1]. Method 3.

    Raises:
        InputError: a schedule of discrete times.
    """
    for given, t, level, span in _chain(schedule, steps, "euler_ode", noisy.device):
        noise = network(noisy, given).sample.float()
        noisy = noisy + 0.5 * beta(t) * span * (noisy - noise / (1.0 - level) ** 0.5)
    return noisy.clamp(-1.0, 1.0)  # Not in paper: where other samplers clip, too; the highlighter knows no other range


def euler_sde(network: nn.Module, schedule: Schedule, noisy: Tensor, steps: int, streams: Streams) -> Tensor:
    """Euler-Maruyama on the reverse SDE, without noise in the last step: x_1 to images in [-1, 1]. Method 5.1.

    Raises:
        InputError: a schedule of discrete times.
    """
    for given, t, level, span in _chain(schedule, steps, "euler_sde", noisy.device):
        noise = network(noisy, given).sample.float()
        noisy = noisy + beta(t) * span * (0.5 * noisy - noise / (1.0 - level) ** 0.5)
        if span < t:
            fresh = prefetch.sent_one(random_streams.image_noise(list(streams), tuple(noisy.shape[1:])), noisy.device)
            noisy = noisy + (beta(t) * span) ** 0.5 * fresh
    return noisy.clamp(-1.0, 1.0)  # Not in paper: as above


def _chain(
    schedule: Schedule, steps: int, sampler: str, device: torch.device
) -> list[tuple[Tensor, float, float, float]]:
    """The steps of a chain: (999 t on the device, t in (0, 1], abar, length of the step down); the last ends at 0."""
    if not schedule.continuous:
        raise InputError(
            f"params.yaml: generate_samples.sampler is {sampler}; it is for networks of continuous time (family uvit, "
            "schedule vp_sde), this one takes ddim, ddim_eta_1 or ancestral"
        )
    chain = schedule.chain(steps)
    times = [time / TIME_SCALE for time, _, _ in chain]
    levels = [level for _, level, _ in chain]
    given = noise_schedule.sent_times([TIME_SCALE * t for t in times], device)
    spans = [t - lower for t, lower in zip(times, [*times[1:], 0.0], strict=True)]
    return list(zip(given, times, levels, spans, strict=True))
