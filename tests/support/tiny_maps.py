"""What evaluate_maps writes of an imagined experiment, for the tests of tables and figures."""

import itertools
import math

import numpy as np

from tests.support.tiny_metrics import line

MAPS = ("flaw", "real_map", "second", "moment_gap", "edge", "gaussian_center")
FIGURES = {
    "map_mean": 0.45,
    "map_std": 0.09,
    "std_over_mean": 0.2,
    "r2_single": 0.1,
    "zero_share": 0.02,
    "mfam_reliability": 0.9,
}


def correlations(seeds=1, **flaw_with):
    """One line for each pair and seed; `flaw_with` are r with the flaw map, in seed k less k/100."""
    values = {"real_map": 0.8, "second": 0.7, "moment_gap": -0.2, "edge": math.nan, "gaussian_center": 0.3} | flaw_with
    return [
        {"dataset": "shapes", "model": "tiny", "seed": seed, "one": one, "other": other, **_r(r - seed / 100)}
        for seed in range(seeds)
        for one, other in itertools.combinations(MAPS, 2)
        for r in [values[other] if one == "flaw" else 0.5]
    ]


def _r(value):
    return {"r": value, "low": value - 0.02, "high": value + 0.02, "n_images": 100}


def metrics(seeds=1):
    """Tidy figures of the maps that a highlighter made."""
    return [
        line(name, metric, value, seed=seed, network="highlighter", low=0.9 * value, high=1.1 * value)
        for seed in range(seeds)
        for name in ("flaw", "real_map", "second")
        for metric, value in FIGURES.items()
    ]


def maps(size=16):
    """Mean maps with places of their own; the last is constant."""
    across = np.linspace(0.0, 1.0, size, dtype=np.float32)
    down = across[:, None]
    found = [across * down, across * down**2, 0.5 * across + 0.2 * down, down, 1.0 - across * down, across * 0.0 + 0.3]
    return {name: np.broadcast_to(some_map, (size, size)) for name, some_map in zip(MAPS, found, strict=True)}
