"""What the summary is made of: the tables of a run as they were written, and the words and rules behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from selfrefine.core.names import HEADLINE
from selfrefine.metrics.frechet import distance_name
from selfrefine.report.results import OWN_ROWS
from selfrefine.report.seed_statistics import Line, records

WORDS = ("verdict", "note", "finding", "control", "map_note", "scale", "by_seed", "stands_for", "variant")


class Change(NamedTuple):
    """A difference of logarithms of FD, its 95 % interval over seeds (NaN for one seed), and its table's verdict."""

    difference: float
    low: float
    high: float
    n_seeds: int
    verdict: str
    kind: str = ""  # confirmatory or exploratory, of controls.csv


@dataclass(frozen=True)
class Run:
    """One experiment.

    Args:
        tables: name of a CSV of make_tables -> its lines.
        processes: the variants that the first sentences judge.
        experiment: its name.
        select: what runs.
        rows: section -> row of params.yaml -> words about it.
        reference: the variant that differences are taken to.
        primary_network: the feature network that is judged.
        equivalence_margin: of a difference of logarithms.
        minimum_seeds: fewer give no verdict.
    """

    tables: Mapping[str, pd.DataFrame]
    processes: tuple[str, ...]
    experiment: str
    select: Mapping[str, Any]
    rows: Mapping[str, Mapping[str, Mapping[str, Any]]]
    reference: str
    primary_network: str
    equivalence_margin: float
    minimum_seeds: int

    @cached_property
    def titles(self) -> dict[str, str]:
        """Of data sets, models, variants, samplings, highlighters, masks, and of rows of ours."""
        return OWN_ROWS | {name: row["title"] for section in self.rows.values() for name, row in section.items()}

    def title(self, row: str) -> str:
        """A row in words; its name where none of what runs has it."""
        return self.titles.get(row, row)

    @property
    def distance(self) -> str:
        """FID, or FD where the features are not those of the paper."""
        return distance_name(self.primary_network)

    @cached_property
    def place(self) -> tuple[str, str]:
        """The first data set that has a main model, and that model: most sentences are of it."""
        mains = {name: row["main_model"] for name, row in self.rows["datasets"].items()}
        return next(((name, model) for name, model in mains.items() if model), ("", ""))

    def lines(self, table: str, **values: Any) -> list[Line]:
        """Lines of a table with these values; of `place`, unless `dataset` and `model` are given.

        Args:
            table: its name.
            values: column -> value; None for any.
        """
        found = self.tables[table]
        for column, value in (dict(zip(("dataset", "model"), self.place, strict=True)) | values).items():
            found = found if value is None else found[found[column] == value]
        return [
            {name: "" if name in WORDS and value != value else value for name, value in line.items()}  # NaN: no words
            for line in records(found)
        ]

    def network(self, table: str) -> str:
        """The primary network, or the first that a table has an FD in, since inpainting need not be measured in it."""
        lines = self.tables[table]
        measured = (lines[lines["metric"] == HEADLINE] if "metric" in lines else lines)["network"].tolist()
        return self.primary_network if self.primary_network in measured or not measured else measured[0]

    def contrast(self, row: str, reference: str) -> Change | None:
        """How a row differs from another in controls.csv; None where they were not compared in any seed, or by half."""
        found = self.lines("controls", row=row, reference=reference, divisor=1, network=self.primary_network)
        return change(found[0], "low", "high") if found and found[0]["n_seeds"] else None


def change(line: Line, low: str = "difference_low", high: str = "difference_high") -> Change:
    """The difference in a line of a table."""
    return Change(
        line["difference"], line[low], line[high], int(line["n_seeds"]), line.get("verdict", ""), line.get("kind", "")
    )
