"""The noise levels of a pipeline: at which times its network is trained and sampled, and how noisy an image is then."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.diffusion import autoencoder
from selfrefine.diffusion.forward_process import Prediction

# The VP-SDE with beta(t) = 0.1 + 19.9 t on [0, 1]: abar(t) = exp(-LINEAR t - SQUARE t^2). Method 5.1.
LINEAR, SQUARE = 0.1, 9.95
TIME_SCALE = 999.0  # what a network of continuous time is given for t = 1
LAST_TIME = 1e-3  # the lowest t of a continuous chain; method 3

Time = float | Tensor  # a number, or it on the device, ()
Step = tuple[Time, float, float]  # what the network is given as time, abar then, abar of the next lower time


@dataclass(frozen=True, eq=False)
class Schedule:
    """What the noise levels of a pipeline are, and what its network says of them.

    Args:
        alphas_cumprod: abar of the times 0 ... T-1, (T,) float32, decreasing.
        continuous: whether the network is trained at all times of a VP-SDE, not at T of them; it is given 999 t then.
        learned_variance: whether the network's last C of 2C channels tell where between its bounds the logarithm of
            the variance of a reverse step lies (Improved DDPM).
        bounded: whether x_0 lies in [-1, 1], so that samplers clip what is predicted of it; latents have no bounds.
        prediction: what the network says of x_t.
    """

    alphas_cumprod: Tensor
    continuous: bool = False
    learned_variance: bool = False
    bounded: bool = True
    prediction: Prediction = "epsilon"

    def to(self, device: torch.device | str) -> "Schedule":
        """The same on another device."""
        return dataclasses.replace(self, alphas_cumprod=self.alphas_cumprod.to(device))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Times of n training images, as the network is given them, (n,) on the CPU. Method 1.1.

        Uniform: int64 of 0 ... T-1, or float32 of 999 t with t in [0, 1).
        """
        if self.continuous:
            return TIME_SCALE * torch.rand(n, generator=generator)
        return torch.randint(len(self.alphas_cumprod), (n,), generator=generator)

    def alphas_cumprod_at(self, times: Tensor) -> Tensor:
        """abar of times as the network is given them, (n,) float32, on their device; of a VP-SDE its closed form."""
        if self.continuous:
            t = times.float() / TIME_SCALE
            return torch.exp(-LINEAR * t - SQUARE * t**2)
        return self.alphas_cumprod[times]

    def steps_on(self, device: torch.device, steps: int) -> list[Step]:
        """`chain`, whose times a network on the device takes as they are."""
        times, levels, lower = zip(*self.chain(steps), strict=True)
        return list(zip(sent_times(times, device), levels, lower, strict=True))

    def chain(self, steps: int) -> list[tuple[float, float, float]]:
        """The steps of a respaced chain, from the noisiest; after the last one abar is 1. Method 3.

        Args:
            steps: at least 2.
        """
        if self.continuous:
            given = torch.linspace(1.0, LAST_TIME, steps) * TIME_SCALE
            times, levels = given.tolist(), self.alphas_cumprod_at(given).tolist()
        else:
            times = spaced_timesteps(len(self.alphas_cumprod), steps)
            levels = self.alphas_cumprod[times].tolist()
        return list(zip(times, levels, [*levels[1:], 1.0], strict=True))


def sent_times(times: Sequence[float], device: torch.device) -> tuple[Tensor, ...]:
    """Times on the device, each (): int64, or float32 of 999 t.

    All are sent at once: a network that is given a number sends it itself, and the host waits for the step before.
    """
    return torch.tensor(times, device=device).unbind()


def of(pipeline: Any) -> Schedule:
    """The schedule of a diffusers pipeline with `scheduler`, and of ours with `unet`, on the CPU."""
    scheduler, network = pipeline.scheduler, getattr(pipeline, "unet", None)
    return Schedule(
        scheduler.alphas_cumprod,
        continuous=bool(getattr(getattr(network, "config", None), "continuous_time", False)),
        learned_variance=getattr(scheduler.config, "variance_type", None) == "learned_range",
        bounded=autoencoder.of(pipeline) is None,
        prediction=scheduler.config.prediction_type,
    )


def spaced_timesteps(total: int, steps: int) -> list[int]:
    """`steps` of the timesteps 0 ... total-1, both ends included, descending: the authors' spacing (method 3).

    Args:
        total: T of the schedule.
        steps: at least 2.
    """
    return [int(t) for t in np.linspace(0, total - 1, steps).round()[::-1]]
