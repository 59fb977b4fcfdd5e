"""What evaluate_study writes of an imagined study, for the tests of its table, its figure and the summary."""

import math
from typing import Any

import numpy as np

SHARES = {"flaw": (0.5, 0.8), "another_image": (0.3, 0.6), "second": (0.45, 0.75), "edge": (0.2, 0.5)}


def metrics(people: int = 15, left_out: int = 0, study: str = "garments") -> list[dict[str, Any]]:
    """Lines of metrics.csv; without people those of chance alone, and with some who were left out their number."""
    names = {"study": study, "dataset": "shapes", "model": "tiny", "seed": 0}
    counts = {"n_images": 24, "n_participants": people, "n_answers": 24 * people}
    found: list[tuple[str, str, float]] = []
    if people:
        for row, (share, any_match) in SHARES.items():
            found += [(row, "share", share), (row, "any_match", any_match)]
            found += [(row, "difference", SHARES["flaw"][0] - share)] if row != "flaw" else []
        found += [("people", "alpha", 0.25), ("people", "test_retest", 0.6), ("people", "participants", people)]
        found += [("photographs", "share", 0.4)]
    found += [("people", "excluded", left_out)] if people or left_out else []
    exact = [("chance", "share", 3 / 16), ("chance", "any_match", 0.489286)]
    return [
        {**names, "variant": row, "metric": metric, "value": value}
        | {"low": value - spread, "high": value + spread, **counts}
        for lines, width in ((found, 0.1), (exact, math.nan))
        for row, metric, value in lines
        for spread in [math.nan if metric in ("participants", "excluded") else width]
    ]


def cells(count: int, grid: int = 4) -> np.ndarray:
    """The cells of flaw maps, (count, grid, grid) in [0, 1], no two of a map equal."""
    values = np.random.default_rng(3).permuted(np.tile(np.arange(grid * grid), (count, 1)), axis=1)
    return (values / (grid * grid - 1)).reshape(count, grid, grid).astype(np.float32)
