"""The scale of the predicted noise: a control without training, and the choice of a network's own best scale.

FD measures above all how well the noise is calibrated: a factor near 1 on every prediction can move it more than a
refinement does. So a refinement is also compared with its reference where both have their own best factor.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.diffusion.wrapped_network import WrappedNetwork

SCALE, DISTANCE, FITTED, CHOSEN = "eps_scale", "fd_train", "fitted", "chosen"  # columns of a choice
DIGITS = 4  # of a fitted factor: FD tells no finer ones apart


class ScaledNoise(WrappedNetwork):
    """A network whose predicted noise is multiplied by a factor; a learned variance is left as it is.

    # Not in paper. It is the scaling of Ning et al. 2024, "Elucidating the Exposure Bias in Diffusion Models"
    # (arXiv 2308.15321), with one factor for all times; what they divide by is 1 / factor.

    Args:
        network: a diffusers network that predicts noise.
        factor: of the prediction, > 0.
    """

    def __init__(self, network: Any, factor: float) -> None:
        super().__init__(network)
        self.factor = factor

    def forward(self, noisy: Tensor, t: Any, *prompts: Tensor) -> Any:
        """The network's output for x_t (N, C, H, W) float32, with the noise in `sample`, times the factor."""
        output = self.network(noisy, t, *prompts).sample.float()  # in bfloat16 1.005 would be 1.0078
        channels = noisy.shape[1]
        return SimpleNamespace(sample=torch.cat([self.factor * output[:, :channels], output[:, channels:]], dim=1))


def scaled(network: Any, factor: float) -> Any:
    """The network with its noise multiplied by the factor; for 1 the network itself."""
    return network if factor == 1.0 else ScaledNoise(network, factor)


def choice(distance: Callable[[float], float], scales: Sequence[float]) -> pd.DataFrame:
    """Tries factors, and one more where the parabola through the best of them and its neighbours is lowest.

    Not at an end of `scales`: what lies beyond it nobody has seen.

    Args:
        distance: of a factor, the FD to training photographs of images that are sampled with it.
        scales: the factors.

    Returns:
        A line for each factor in the order of trial: SCALE, DISTANCE; FITTED, true for that of the parabola; CHOSEN,
        true for the one of least distance, of equal ones the nearest to 1.

    Raises:
        InputError: a distance that is no number.
    """
    found = {scale: _finite(scale, distance(scale)) for scale in sorted(scales)}
    lowest = _lowest(list(found.items()))
    if lowest is not None:
        found[lowest] = _finite(lowest, distance(lowest))
    best = min(found, key=lambda scale: (found[scale], abs(scale - 1.0)))
    lines = [
        {SCALE: scale, DISTANCE: value, FITTED: scale == lowest, CHOSEN: scale == best}
        for scale, value in found.items()
    ]
    return pd.DataFrame(lines)


def _finite(scale: float, distance: float) -> float:
    if not math.isfinite(distance):
        raise InputError(
            f"FD with {SCALE} {scale:g} is {distance}: images or features of it are no numbers; "
            "look at the network, or change choose_eps_scale.scales in params.yaml"
        )
    return distance


def _lowest(points: Sequence[tuple[float, float]]) -> float | None:
    """Where the parabola through the lowest point and its neighbours is lowest; None at an end, or where it is a point.

    Args:
        points: (factor, distance), by factor.
    """
    best = min(range(len(points)), key=lambda number: points[number][1])
    if best in (0, len(points) - 1):
        return None
    (left, high), (middle, low), (right, other) = points[best - 1 : best + 2]
    down, up = (middle - left) * (low - other), (middle - right) * (low - high)
    if down == up:
        return None  # three equal distances
    lowest = round(middle - 0.5 * ((middle - left) * down - (middle - right) * up) / (down - up), DIGITS)
    return lowest if lowest not in (left, middle, right) else None


def chosen(choices: tuple[Path, ...], row: str) -> float:
    """The factor that was chosen.

    Args:
        choices: the CSV of `choice`, alone.
        row: of samplings in params.yaml, for errors.

    Raises:
        InputError: there is none.
        DamagedError: it does not have one chosen line.
    """
    if len(choices) != 1:
        raise InputError(
            f"params.yaml: samplings.{row}.generate_samples.{SCALE} is best, and {len(choices)} choices are given; "
            "one is needed, which the stage choose_eps_scale makes"
        )
    table = files.read_table(choices[0])
    best = list(table.loc[table[CHOSEN].astype(bool), SCALE]) if {SCALE, CHOSEN} <= {*table} else []
    if len(best) != 1:
        raise DamagedError(choices[0], f"{len(best)} scales of the noise are chosen in it, not one")
    return float(best[0])
