"""All that an experiment has measured, and the words for it: what make_tables makes every table of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from selfrefine.core import files
from selfrefine.report import families, seed_statistics
from selfrefine.report.seed_statistics import Judgement, Line


@dataclass(frozen=True)
class Refined:
    """One run of train_refined: its config.json and the lines of its refreshes.csv, none without a map."""

    config: Mapping[str, Any]
    refreshes: Sequence[Line]

    @property
    def key(self) -> tuple[str, str, str]:
        """Data set, model, variant."""
        names = self.config["names"]
        return names["dataset"], names["model"], names["variant"]

    def mean(self, column: str) -> float:
        """Over the refreshes; NaN without any, or where a constant map has no correlation."""
        values = [line[column] for line in self.refreshes]
        return fmean(values) if values else math.nan

    def predicted_slope(self) -> float:
        """What the forward process teaches: -lf x slope of the map used on the run's own mFAM (method 11.4).

        NaN for the forward processes that this does not hold for.
        """
        if self.config["forward"] not in ("none", "xt") or self.config["gamma"]:
            return math.nan
        if self.config["forward"] == "none":
            return 0.0
        slopes = [_finite(line["r_mfam"]) * line["std"] / line["mfam_std"] for line in self.refreshes]
        return -self.config["forward_weight"] * fmean(slopes) if slopes else math.nan


def _finite(value: float) -> float:
    """0 for a map that is constant: it has no correlation, and nothing of it depends on the mFAM."""
    return value if math.isfinite(value) else 0.0


class Measured:
    """All tables but 1, 4, 6 and maps are of each data set's main model.

    Args:
        metrics: tidy metrics of evaluate_generation, all data sets, models and seeds.
        paper: paper_values.csv.
        runs: of every refinement.
        judgement: how differences are judged.
        experiment: its name.
        rows: words about the selected rows (`config.job` of make_tables).
    """

    def __init__(
        self,
        metrics: Sequence[Line],
        paper: Sequence[Line],
        runs: Sequence[Refined],
        judgement: Judgement,
        experiment: str,
        rows: Mapping[str, Any],
    ) -> None:
        self.metrics, self.paper, self.runs, self.judgement = metrics, paper, runs, judgement
        self.mains = {name: row["main_model"] for name, row in rows["datasets"].items()}
        self.stands_for = {name: row.get("stands_for", "") for name, row in rows["datasets"].items()}
        self.titles = {name: row["title"] for section in rows.values() for name, row in section.items()}
        self.scales = seed_statistics.scales(metrics, experiment, rows)
        self.other_scales = seed_statistics.scales(metrics, experiment, rows, images=False)

    @cached_property
    def whole(self) -> list[dict[str, Any]]:
        """Every row of every data set and model."""
        return families.every_model(self.metrics, self.paper, self.judgement, self.mains, self.stands_for, self.scales)

    @property
    def of_mains(self) -> list[dict[str, Any]]:
        """Every row of every data set, of its main model."""
        return families.of_mains(self.whole, self.mains)

    @property
    def runs_of_mains(self) -> list[Refined]:
        """The refinements of the main models."""
        return [run for run in self.runs if self.mains[run.key[0]] == run.key[1]]


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """The lines of several tables of the same columns."""
    records = [record for path in paths for record in files.read_table(path).to_dict("records")]
    return [{str(column): value for column, value in record.items()} for record in records]
