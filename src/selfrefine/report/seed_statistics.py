"""Tidy metrics of all seeds become the rows of a table: paper's figure, ours, difference, verdict.

Tables are lists of lines, a line is a mapping from column to value; an absent number is NaN, absent words are "".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from selfrefine.core.errors import InputError
from selfrefine.core.names import FLOOR
from selfrefine.metrics import contrasts, intervals
from selfrefine.metrics.contrasts import Contrast, Pair
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.paper_values import PAPER_DATASETS

Line = Mapping[str, Any]


class Key(NamedTuple):
    """What one figure is of."""

    dataset: str
    model: str
    network: str
    variant: str
    metric: str


Cells = dict[Key, dict[int, Estimate]]  # the figure of each seed


@dataclass(frozen=True)
class Judgement:
    """How differences are taken and judged: make_tables in params.yaml; `second_sampler`: `contrasts.second_samplers`.

    Rows of a second sampler have no difference to the reference; they bear on their variant's verdict (method 11.4).
    """

    reference: str
    equivalence_margin: float
    minimum_seeds: int
    primary_network: str = ""
    confirmatory: Sequence[Pair] = ()
    second_sampler: Mapping[str, str] = field(default_factory=dict)

    def contrasts(self, metrics: Iterable[Line], pairs: Sequence[Pair]) -> list[Contrast]:
        """The confirmatory contrasts and `pairs`, judged."""
        rules = contrasts.Rules(
            confirmatory=self.confirmatory,
            primary_network=self.primary_network,
            margin=self.equivalence_margin,
            minimum_seeds=self.minimum_seeds,
            second_sampler=self.second_sampler,
        )
        return contrasts.judge(metrics, rules, pairs)


def cells(metrics: Iterable[Line]) -> Cells:
    """The tidy metrics of all seeds, by what they are of.

    Raises:
        InputError: rows of a data set, but the floor, of different numbers of images: FD depends on it.
    """
    table, numbers = Cells(), dict[str, int]()
    for line in metrics:
        n = numbers.setdefault(line["dataset"], line["n_images"])
        if line["n_images"] != n and line["variant"] != FLOOR:
            raise InputError(
                f"rows of {n} and {line['n_images']} images on the data set {line['dataset']}; "
                "all its models and variants need the same extract_features.n_images in params.yaml"
            )
        key = Key(*(line[column] for column in Key._fields))
        table.setdefault(key, {})[line["seed"]] = Estimate(line["value"], line["low"], line["high"])
    return table


def scales(
    metrics: Sequence[Line], experiment: str, rows: Mapping[str, Any], *, images: bool = True
) -> dict[tuple[str, str], str]:
    """Words on the size of what was measured: (data set, model) -> experiment, data, steps, images, seeds.

    Args:
        metrics: tidy metrics of evaluate_generation.
        experiment: its name.
        rows: section -> row -> its titles; a data set's may have `models`: model -> its `steps`, those of both phases.
        images: whether all rows of the table have the number of images of these metrics.
    """
    words = {}
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in metrics):
        data, network = rows["datasets"][dataset], rows["models"][model]
        part = [line for line in metrics if (line["dataset"], line["model"]) == (dataset, model)]
        place = f" in the place of the paper's {PAPER_DATASETS[data['stands_for']]}" if "stands_for" in data else ""
        phases = data.get("models", {}).get(model, {}).get("steps", ())
        steps = f"{' + '.join(f'{n:,}' for n in phases)} training steps, " if phases else ""
        seeds = len({line["seed"] for line in part})
        number = f"{part[0]['n_images']:,} images in each row, " if images else ""
        words[dataset, model] = (
            f"Experiment {experiment}: {network['title']} on {data['title']}{place}, {steps}{number}"
            f"{seeds} seed{'s' if seeds > 1 else ''}"
        )
    return words


def over_runs(seeds: Sequence[Estimate]) -> dict[str, float]:
    """`value`, `low`, `high`: mean and interval over seeds; of one seed, its interval over images."""
    values = [estimate.value for estimate in seeds]
    low, high = intervals.over_seeds(values) if len(seeds) > 1 else (seeds[0].low, seeds[0].high)
    return {"value": fmean(values), "low": low, "high": high}


def differences_by_seed(table: Cells, key: Key, reference: str) -> list[float]:
    """One difference to the reference for each seed that both have: of logarithms for FD, else plain."""
    others = table[key._replace(variant=reference)]
    pairs = [(table[key][seed].value, others[seed].value) for seed in sorted(table[key].keys() & others.keys())]
    if key.metric.startswith("fd_"):
        return [math.log(value / other) for value, other in pairs]
    return [value - other for value, other in pairs]
