"""What latents are multiplied by: as a folder states it, never as diffusers fills it in, and checked by its effect."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfrefine.core.errors import InputError, one_line

CODEBOOK = "VQModel"  # diffusers' name of an autoencoder with one
# Not in paper: bounds of the deviation of scaled latents, because a wrong factor (0.18215 for 1) trains without a word.
DEVIATIONS = (0.3, 3.0)


def stated(path: Path, given: Mapping[str, Any], unstated: float | None) -> float:
    """The scaling factor of an autoencoder. diffusers would take Stable Diffusion's 0.18215 where none is stated.

    Args:
        path: its config.json.
        given: what stands there.
        unstated: the one of an autoencoder without a codebook that states none; of one with a codebook it is 1.

    Raises:
        InputError: none, or no number above 0.
    """
    if "scaling_factor" in given:
        scale = given["scaling_factor"]
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0.0 < scale < math.inf:
            raise InputError(f"{path}: scaling_factor is {one_line(scale)}; a number above 0 needed")
        return float(scale)
    scale = 1.0 if given["_class_name"] == CODEBOOK else unstated
    if scale is None:
        raise InputError(
            f"{path}: no scaling_factor in it; write the one there that its diffusion model takes",
            "or set train_autoencoder.unit_variance in params.yaml to true",
        )
    print(f"{path}: no scaling_factor in it; {scale} is taken, as before diffusers had that key", flush=True)
    return scale


def check_deviation(spread: float, scale: float) -> None:
    """Raises InputError unless scaled latents are about as strong as the noise that they are mixed with.

    Args:
        spread: their `deviation`.
        scale: the scaling factor.
    """
    low, high = DEVIATIONS
    if not low <= spread <= high:
        raise InputError(
            f"latents times the scaling factor {scale:.5g} have a standard deviation of {spread:.3g}; {low} to {high} "
            "allowed, since the noise that is added has 1",
            "set train_autoencoder.unit_variance in params.yaml to true, or mend scaling_factor in the folder's "
            "config.json",
        )
