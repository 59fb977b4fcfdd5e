"""FD against strength: how much of the difference between arms their weights and the means of their maps explain.

A first trial found that strength, not place, explains nearly all, and that the two processes act against each other
(method 11.7): so the strength of each process is a number of its own.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import SPACE
from selfrefine.report.tables.contrasts import ROW

FORWARD, REVERSE, BOTH, DDPM_IP = "forward", "reverse", "both", "ddpm_ip"  # processes of an arm
FEWEST_FOR_R = 3
FEWEST_FOR_FIT = 5  # a plane has three numbers of its own
COLUMNS = [  # of strength.csv
    *(*SPACE, "row", "process", "forward_strength", "reverse_strength", "map_mean", "map_std"),
    *("difference", "low", "high", "image_low", "image_high", "by_seed", "n_seeds", "scale"),
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


def lines(controls: pd.DataFrame, results: Results) -> pd.DataFrame:
    """The lines of strength.csv: every arm that has a process, against the reference.

    The forward strength is lf x mean(M), by which the forward process inflates the noise (method 1.3), the reverse one
    lr x mean(M), by which keys and values grow. DDPM-IP inflates it by sqrt(1 + gamma^2) - 1 and has no map.

    Args:
        controls: lines of controls.csv, with the means of the maps over refreshes and seeds.
        results: its runs; rows that no run has (samplings) have no strength and are left out.
    """
    runs = results.runs.rename(columns={"variant": "row"}).drop_duplicates(ROW)[[*ROW, "leaves"]]
    arms = controls[(controls["reference"] == results.judgement.reference) & (controls["n_seeds"] > 0)]
    arms = arms.merge(runs, on=ROW)
    arms = arms.assign(process=[process(leaves) for leaves in arms["leaves"]])
    arms = arms[arms["process"] != ""]
    strengths = [_strengths(leaves, mean) for leaves, mean in arms[["leaves", "map_mean"]].itertuples(index=False)]
    return arms.assign(
        forward_strength=[forward for forward, _ in strengths], reverse_strength=[reverse for _, reverse in strengths]
    )[COLUMNS]


def process(leaves: Mapping[str, Any]) -> str:
    """Which of the processes a refinement has; "" for none."""
    if leaves["gamma"]:
        return DDPM_IP
    forward, reverse = leaves["forward"] != "none", leaves["reverse"] != "none"
    return {(True, True): BOTH, (True, False): FORWARD, (False, True): REVERSE}.get((forward, reverse), "")


def _strengths(leaves: Mapping[str, Any], map_mean: float) -> tuple[float, float]:
    """lf x mean(M) and lr x mean(M); 0 for a process that is off."""
    forward = leaves["forward_weight"] * map_mean if leaves["forward"] != "none" else 0.0
    reverse = leaves["reverse_weight"] * map_mean if leaves["reverse"] != "none" else 0.0
    if leaves["gamma"]:
        forward = math.sqrt(1.0 + leaves["gamma"] ** 2) - 1.0
    return forward, reverse


def fit(arms: pd.DataFrame) -> Fit:
    """What the strengths explain.

    Args:
        arms: lines of strength.csv, of one data set, model and feature network.
    """
    strengths = arms[["forward_strength", "reverse_strength"]].to_numpy(float)
    differences = arms["difference"].to_numpy(float)
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
