"""FD against strength: how much of the difference between arms their weights and the means of their maps explain.

A first trial found that strength, not place, explains nearly all, and that the two processes act against each other
(method 11.7): so the strength of each process is a number of its own.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Line

FORWARD, REVERSE, BOTH, DDPM_IP = "forward", "reverse", "both", "ddpm_ip"  # processes of an arm
FEWEST_FOR_R = 3
FEWEST_FOR_FIT = 5  # a plane has three numbers of its own
COPIED = ("difference", "low", "high", "image_low", "image_high", "by_seed", "n_seeds", "scale")
COLUMNS = [  # of strength.csv, also where it has no line
    *("dataset", "model", "network", "row", "process", "forward_strength", "reverse_strength", "map_mean", "map_std"),
    *COPIED,
]


@dataclass(frozen=True)
class Fit:
    """What the strengths of some arms explain.

    Args:
        n_arms: how many.
        r_forward: correlation of the difference with the strength of the forward process, over all arms, those without
            that process at 0; NaN for fewer than three arms or equal strengths.
        r_reverse: likewise.
        explained: share of the variance of the differences that a plane over both strengths explains; NaN for fewer
            than five arms.
    """

    n_arms: int
    r_forward: float
    r_reverse: float
    explained: float


def lines(controls: Iterable[Line], runs: Iterable[Refined], reference: str) -> list[dict[str, Any]]:
    """The lines of strength.csv: every arm that has a process, against the reference.

    The forward strength is lf x mean(M), by which the forward process inflates the noise (method 1.3), the reverse one
    lr x mean(M), by which keys and values grow. DDPM-IP inflates it by sqrt(1 + gamma^2) - 1 and has no map.

    Args:
        controls: lines of controls.csv, with the means of the maps over refreshes and seeds.
        runs: of train_refined; rows that no run has (samplings) have no strength and are left out.
        reference: the variant that differences are taken to.
    """
    configs = {run.key: run.config for run in runs}
    found = []
    for line in controls:
        config = configs.get((line["dataset"], line["model"], line["row"]))
        if config is None or line["reference"] != reference or not line["n_seeds"]:
            continue
        process = _process(config)
        if process:
            found.append(
                {column: line[column] for column in ("dataset", "model", "network", "row")}
                | {"process": process}
                | _strengths(config, line["map_mean"])
                | {column: line[column] for column in ("map_mean", "map_std", *COPIED)}
            )
    return found


def _process(config: Mapping[str, Any]) -> str:
    """Which of the processes; "" for none."""
    if config["gamma"]:
        return DDPM_IP
    forward, reverse = config["forward"] != "none", config["reverse"] != "none"
    return {(True, True): BOTH, (True, False): FORWARD, (False, True): REVERSE}.get((forward, reverse), "")


def _strengths(config: Mapping[str, Any], map_mean: float) -> dict[str, float]:
    """lf x mean(M) and lr x mean(M); 0 for a process that is off."""
    forward = config["forward_weight"] * map_mean if config["forward"] != "none" else 0.0
    reverse = config["reverse_weight"] * map_mean if config["reverse"] != "none" else 0.0
    if config["gamma"]:
        forward = math.sqrt(1.0 + config["gamma"] ** 2) - 1.0
    return {"forward_strength": forward, "reverse_strength": reverse}


def fit(arms: Sequence[Line]) -> Fit:
    """What the strengths explain.

    Args:
        arms: lines of strength.csv, of one data set, model and feature network.
    """
    strengths = np.array([[line["forward_strength"], line["reverse_strength"]] for line in arms]).reshape(-1, 2)
    differences = np.array([line["difference"] for line in arms])
    r_forward, r_reverse = (_correlation(column, differences) for column in strengths.T)
    return Fit(len(arms), r_forward, r_reverse, _explained(strengths, differences))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's r of two columns (n,)."""
    if len(x) < FEWEST_FOR_R or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def _explained(strengths: np.ndarray, differences: np.ndarray) -> float:
    """R^2 of the least-squares plane through strengths (n, 2); its height at 0 is free.

    The reference is in all differences: its own error moves them all alike, so the plane need not pass through 0.
    """
    if len(differences) < FEWEST_FOR_FIT or np.ptp(differences) == 0.0:
        return math.nan
    spread = strengths.std(axis=0)
    scaled = (strengths - strengths.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    centred = differences - differences.mean()
    left = centred - scaled @ np.linalg.lstsq(scaled, centred, rcond=None)[0]
    return float(1.0 - np.mean(left**2) / np.mean(centred**2))
