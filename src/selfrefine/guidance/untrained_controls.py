"""Untrained controls: a network sampled as if refinement had only shifted its clock or its gain (method 11.3).

Each takes what it needs from one refinement: the maps that it used, and the weights of its config.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.diffusion.noise_schedule import LINEAR, SQUARE, TIME_SCALE, Schedule
from selfrefine.diffusion.wrapped_network import WrappedNetwork
from selfrefine.guidance.attention_modulation import modulated

Correction = Literal[
    "none",
    "time_shift",  # what the forward process with a uniform map would make of the network
    "kv_gain",  # keys and values divided by what the reverse process with a uniform map multiplies them by
    "keep_map",  # the last map stays in attention
]


class TimeShift(WrappedNetwork):
    """A noise predictor as training with x_t of `factor` times the noise would change it. Method 1.3.

    eps_F(x, t) = eps(x / n, t'): the same noisy image, brought to unit variance and to the time that its noise has.

    Args:
        network: a diffusers network that predicts noise.
        schedule: of its pipeline.
        factor: 1 + lf c > 0 for a uniform map c; with 1 the network is what it was, bit for bit.
    """

    def __init__(self, network: Any, schedule: Schedule, factor: float) -> None:
        super().__init__(network)
        self.factor, self.continuous = factor, schedule.continuous
        self.times, self.scales = shifted_times(schedule.alphas_cumprod.cpu().double().numpy(), factor)

    def forward(self, noisy: Tensor, t: float, *prompts: Tensor) -> Any:
        """The network's output for x_t (N, C, H, W) float32 at a time of the schedule, under its prompts if any."""
        shifted, scale = shifted_time(t, self.factor) if self.continuous else (self.times[int(t)], self.scales[int(t)])
        # diffusers takes a time that is no tensor for an integer
        time = torch.tensor(shifted, dtype=torch.float32, device=noisy.device)
        return self.network(noisy / float(scale), time, *prompts)


def shifted_times(alphas_cumprod: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """t' and n of each integer time t, both (T,) float64. Method 1.3.

    t' has `factor` times the noise-to-signal ratio of t; n = sqrt(abar + (1 - abar) factor^2).

    # Not in paper: t' is interpolated in the logarithm of that ratio and ends at the last step, because the schedule is
    # given at integer times alone.

    Args:
        alphas_cumprod: (T,) float64, decreasing.
        factor: 1 + lf c > 0.
    """
    log_ratios = 0.5 * np.log((1.0 - alphas_cumprod) / alphas_cumprod)
    times = np.interp(log_ratios + math.log(factor), log_ratios, np.arange(len(log_ratios)))
    return times, np.sqrt(1.0 + (1.0 - alphas_cumprod) * (factor**2 - 1.0))


def shifted_time(time: float, factor: float) -> tuple[float, float]:
    """t' and n of one time of the VP-SDE, both times as its network is given them; t' is at most that of t = 1.

    Args:
        time: 999 t > 0.
        factor: 1 + lf c > 0.
    """
    t = time / TIME_SCALE
    depth = math.log1p(factor**2 * math.expm1(LINEAR * t + SQUARE * t**2))  # -log abar(t')
    shifted = (math.sqrt(LINEAR**2 + 4.0 * SQUARE * depth) - LINEAR) / (2.0 * SQUARE)
    level = math.exp(-LINEAR * t - SQUARE * t**2)
    return TIME_SCALE * min(shifted, 1.0), math.sqrt(1.0 + (1.0 - level) * (factor**2 - 1.0))


@contextmanager
def corrected(
    network: Any, schedule: Schedule, correction: Correction, source: tuple[Path, ...], row: str
) -> Iterator[Any]:
    """Yields what is sampled in the place of `network`, until the block ends.

    Args:
        network: a diffusers network that predicts noise.
        schedule: of its pipeline.
        correction: which.
        source: maps.npy, mean_map.npy and config.json of the refinement `map_of`; nothing for no correction.
        row: of samplings in params.yaml, for errors.

    Raises:
        InputError: a refinement without a map, or without the process that the correction is made of.
    """
    if correction == "none":
        yield network
        return
    last, mean, config = _refinement(correction, source, f"params.yaml: samplings.{row}.map_of")
    if correction == "time_shift":
        yield TimeShift(network, schedule, 1.0 + config["forward_weight"] * mean)
        return
    weight, kept = config["reverse_weight"], torch.from_numpy(last).to(network.device)
    if correction == "kv_gain":
        kept = torch.full_like(kept, -mean / (1.0 + weight * mean))  # 1 + lr of this is 1 / (1 + lr mean)
    with modulated(network, kept, weight, config["reverse"], config["layers"]):
        yield network


def _refinement(
    correction: Correction, source: tuple[Path, ...], place: str
) -> tuple[np.ndarray, float, Mapping[str, Any]]:
    """Last map, (H, W) float32, mean of all maps and config of a refinement, if the correction can be made of them."""
    if not source:
        raise InputError(
            f"{place}: missing, but generate_samples.correction is {correction}; name a variant with a map"
        )
    (maps, mean), config = map(arrays.read_array, source[:2]), files.read_config(source[2])
    forward, reverse, projection = (config[leaf] for leaf in ("forward", "reverse", "projection"))
    if not len(maps):
        raise InputError(f"{place}: names a variant without a map ({source[0]} is empty); name one with a map")
    if correction == "time_shift" and forward != "xt":
        raise InputError(f"{place}: its forward process is {forward}; time_shift is that of a variant with xt")
    if correction != "time_shift" and (reverse == "none" or projection != "identity"):
        raise InputError(
            f"{place}: its reverse process is {reverse}, projection {projection}; {correction} is that of a variant "
            "with k, v or kv and identity"
        )
    return np.array(maps[-1]), float(mean.mean(dtype=np.float64)), config
