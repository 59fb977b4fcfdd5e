"""Tidy metrics of all seeds become the rows of a table: paper's figure, ours, difference, verdict.

Tables are lists of lines, a line is a mapping from column to value; an absent number is NaN, absent words are "".
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from selfrefine.core.errors import InputError
from selfrefine.metrics import contrasts, intervals
from selfrefine.metrics.contrasts import HEADLINE, Contrast, Pair
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import Estimate
from selfrefine.params.job_config import FORK
from selfrefine.report.paper_values import PAPER_DATASETS, published_fid

Line = Mapping[str, Any]

LOG_DIFFERENCE = "fd_test_log_difference"  # of one seed, with its interval over images
FLOOR = "floor"  # the row of real training images; it and FORK are no variants
PLATEAU = 0.10  # a baseline that gained more since the fork is still far from its end


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


def table2(
    metrics: Sequence[Line],
    paper: Iterable[Line],
    judgement: Judgement,
    stands_for: Mapping[str, str],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """Table 2 of the paper: what each process of self-refinement does, and what else we measure of it.

    `value`, `low`, `high`: mean over seeds and its 95 % t interval; of one seed, its interval over images. `difference`
    to the reference: of logarithms for FD, else plain; its interval is over seeds. `image_difference_*`: over images,
    the models held fixed; it never gives a verdict. `paper` is an FID and stands beside FD to test.

    Args:
        metrics: tidy metrics of evaluate_generation, all data sets, models and seeds.
        paper: paper_values.csv.
        judgement: reference, margin, minimum of seeds.
        stands_for: data set -> the paper's data set.
        scale: from `scales`.

    Raises:
        InputError: rows that do not compare, or that were compared with another reference.
    """
    table = cells(metrics)
    _check_reference(table, judgement.reference)
    verdicts = _verdicts(metrics, judgement)
    n_images = {(line["dataset"], line["variant"]): line["n_images"] for line in metrics}
    published = published_fid(paper, "table2")
    lines = []
    for key, seeds in table.items():
        if key.metric == LOG_DIFFERENCE:
            continue
        figure = published.get((key.variant, stands_for.get(key.dataset, "")), math.nan)
        lines.append(
            {
                **{"dataset": key.dataset, "model": key.model, "network": key.network},
                **{"row": key.variant, "metric": key.metric},
                "paper": figure if key.metric == HEADLINE else math.nan,
                **over_runs(list(seeds.values())),
                **_difference(table, key, judgement),
                "verdict": verdicts.get(key[:4], "") if key.metric == HEADLINE else "",
                **{
                    "n_images": n_images[key.dataset, key.variant],
                    "n_seeds": len(seeds),
                    "scale": scale[key.dataset, key.model],
                },
                "note": _note(table, key, judgement),
            }
        )
    return lines


def _check_reference(table: Cells, reference: str) -> None:
    """The paired differences over images were made by evaluate_generation, for all rows but its own reference."""
    compared = {key.variant for key in table if key.metric == LOG_DIFFERENCE}
    references = {key.variant for key in table} - compared - {FLOOR}
    if references != {reference}:
        raise InputError(
            f"params.yaml: shared.reference is {reference!r}, but the rows were compared with "
            f"{', '.join(sorted(references))}; run the stage evaluate_generation again"
        )


def _verdicts(metrics: Sequence[Line], judgement: Judgement) -> dict[tuple[str, ...], str]:
    """(data set, model, network, variant) -> its verdict against the reference, the same as in controls.csv."""
    others = {judgement.reference, FLOOR, FORK, *judgement.second_sampler.values()}
    judged = sorted({line["variant"] for line in metrics} - others)
    found = judgement.contrasts(metrics, [(variant, judgement.reference) for variant in judged])
    return {(*line.space, line.variant): line.verdict for line in found if line.reference == judgement.reference}


def paper_rows(table: Iterable[Line], paper: Iterable[Line], judgement: Judgement) -> list[Line]:
    """The lines of the reference and the paper's Table 2, also under a second sampler; of the fork and the floor."""
    kept = {line["row"] for line in paper if line["table"] == "table2"} | {judgement.reference, FORK, FLOOR}
    kept |= {row for variant, row in judgement.second_sampler.items() if variant in kept}
    return [line for line in table if line["row"] in kept]


def over_runs(seeds: Sequence[Estimate]) -> dict[str, float]:
    """`value`, `low`, `high`: mean and interval over seeds; of one seed, its interval over images."""
    values = [estimate.value for estimate in seeds]
    low, high = intervals.over_seeds(values) if len(seeds) > 1 else (seeds[0].low, seeds[0].high)
    return {"value": fmean(values), "low": low, "high": high}


def _difference(table: Cells, key: Key, judgement: Judgement) -> dict[str, float]:
    """The columns of the difference to the reference; empty for itself, second samplers and real images."""
    columns = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
    line = dict.fromkeys(columns, math.nan)
    if key.variant in (judgement.reference, FLOOR, *judgement.second_sampler.values()):
        return line
    differences = differences_by_seed(table, key, judgement.reference)
    line["difference"] = fmean(differences)
    line["difference_low"], line["difference_high"] = intervals.over_seeds(differences)
    if key.metric == HEADLINE:
        by_images = list(table[key._replace(metric=LOG_DIFFERENCE)].values())
        line["image_difference_low"], line["image_difference_high"] = intervals.over_images(by_images)
    return line


def differences_by_seed(table: Cells, key: Key, reference: str) -> list[float]:
    """One difference to the reference for each seed that both have: of logarithms for FD, else plain."""
    others = table[key._replace(variant=reference)]
    pairs = [(table[key][seed].value, others[seed].value) for seed in sorted(table[key].keys() & others.keys())]
    if key.metric.startswith("fd_"):
        return [math.log(value / other) for value, other in pairs]
    return [value - other for value, other in pairs]


def _note(table: Cells, key: Key, judgement: Judgement) -> str:
    """Words on a reference that has not reached its plateau: a variant may then just be faster, not better."""
    if (key.variant, key.metric) != (judgement.reference, HEADLINE):
        return ""
    since_fork = -fmean(differences_by_seed(table, key._replace(variant=FORK), judgement.reference))
    gain = -math.expm1(since_fork)
    if gain <= PLATEAU:
        return ""
    lower = f"{distance_name(key.network)} {100.0 * gain:.0f} % lower than at the fork"
    return f"still improving: {lower}; a longer base phase is needed to judge"
