"""Seeds become statements: the mean and its interval over seeds, the difference to the reference, its verdict.

Tables are frames with a line for each figure; an absent number is NaN, absent words are "".
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from selfrefine.core.errors import InputError
from selfrefine.core.names import FLOOR, FORK, HEADLINE, LOG_DIFFERENCE, TO_TRAIN
from selfrefine.metrics import contrasts, intervals
from selfrefine.metrics.contrasts import Contrast, Pair
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import Estimate

Line = Mapping[str, Any]

SPACE = ["dataset", "model", "network"]  # figures compare inside one
ROW = [*SPACE, "variant", "metric"]
FIGURE = ["value", "low", "high"]
OVER_SEEDS = ["difference", "difference_low", "difference_high"]
OVER_IMAGES = ["image_difference_low", "image_difference_high"]
CHANGE = [*OVER_SEEDS, *OVER_IMAGES]
SIZES = ["n_reference", "n_features"]  # photographs that FD is taken to, features of an image
TRAIN = ["train_value", "train_difference", "n_train"]  # FD to train, beside FD to test
PLATEAU = 0.10  # a baseline that gained more since the fork is still far from its end
POWER = 0.8  # how often a run that is asked for would show a true difference


@dataclass(frozen=True)
class Judgement:
    """How differences are taken and judged: make_tables in params.yaml; `second_sampler`: `contrasts.second_samplers`;
    `best_scale`: `contrasts.best_scales`.

    Rows of a second sampler have no difference to the reference; they bear on their variant's verdict (method 11.4).
    Nor have rows at their own best scale of the noise: what they are compared with is the reference at its own.
    """

    reference: str
    equivalence_margin: float
    minimum_seeds: int
    primary_network: str = ""
    confirmatory: Sequence[Pair] = ()
    second_sampler: Mapping[str, str] = field(default_factory=dict)
    best_scale: Mapping[str, str] = field(default_factory=dict)

    @property
    def apart(self) -> set[str]:
        """Rows that do not compare with the reference."""
        return {*self.second_sampler.values(), *self.best_scale.values()}

    def contrasts(self, metrics: pd.DataFrame, pairs: Sequence[Pair]) -> list[Contrast]:
        """The confirmatory contrasts and `pairs`, judged."""
        rules = contrasts.Rules(
            confirmatory=self.confirmatory,
            primary_network=self.primary_network,
            margin=self.equivalence_margin,
            minimum_seeds=self.minimum_seeds,
            second_sampler=self.second_sampler,
        )
        return contrasts.judge(records(metrics[metrics["metric"] == HEADLINE]), rules, pairs)

    def verdict(self, differences: Sequence[float]) -> str:
        """What the differences of the seeds say, as `intervals.verdict`."""
        return intervals.verdict(differences, margin=self.equivalence_margin, minimum_seeds=self.minimum_seeds)


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The lines of a table, each a mapping from column to value."""
    return [{str(column): value for column, value in line.items()} for line in table.to_dict("records")]


def places(table: pd.DataFrame, *columns: str) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """The values of some columns and the lines that have them, in the order of their first lines."""
    return [(tuple(map(str, key)), part) for key, part in table.groupby(list(columns), sort=False)]


def over_seeds(metrics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """`value`, `low`, `high`, `n_images`, `n_seeds` of each key: the mean and its 95 % t interval over seeds.

    Of one seed, the interval is its own, over images; of seeds that are all equal there is none.
    """
    ends = {"low": ("low", "first"), "high": ("high", "first")}
    groups = metrics.groupby(list(keys), sort=False, dropna=False)
    found = groups.agg(seeds=("value", list), **ends, n_images=("n_images", "min"), n_seeds=("seed", "size"))
    several = found["n_seeds"] > 1
    intervals_of = [_interval(values) for values in found.loc[several, "seeds"]]
    found.loc[several, ["low", "high"]] = np.reshape(intervals_of, (-1, 2))
    found.insert(0, "value", [fmean(values) for values in found.pop("seeds")])
    return found.reset_index()


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """The t interval; none where all seeds have one value other than 0, whose spread tells nothing of other seeds.

    Such are shares of few images and figures of the same photographs; rows without any difference are bit-equal.
    """
    return (math.nan, math.nan) if len({*values}) == 1 and values[0] else intervals.over_seeds(values)


def by_seed(metrics: pd.DataFrame, reference: str) -> pd.DataFrame:
    """One `difference` to the reference for each line whose seed both have: of logarithms for FD, else plain."""
    place = [*SPACE, "metric", "seed"]
    base = metrics.loc[metrics["variant"] == reference, [*place, "value"]]
    pairs = metrics.merge(base, on=place, suffixes=("", "_of_reference"))
    one, other = pairs["value"], pairs["value_of_reference"]
    distances = pairs["metric"].str.startswith("fd_")
    positive = distances & (one > 0.0) & (other > 0.0)  # a distance of 0 has no logarithm
    pairs["difference"] = (one - other).mask(distances, np.log((one / other).where(positive)))
    return pairs.sort_values("seed", kind="stable")


def differences_over_seeds(pairs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """OVER_SEEDS of each key: the mean of `difference` and its 95 % t interval, none where all are equal but not 0."""
    found = pairs.groupby(list(keys), sort=False)["difference"].agg(list)
    lines = [(fmean(values), *_interval(values)) for values in found]
    return pd.DataFrame(lines, columns=OVER_SEEDS, index=found.index).reset_index()


def differences_over_images(metrics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """OVER_IMAGES of each key: the interval of the mean of differences that a stage took itself, paired over images."""
    found = metrics.groupby(list(keys), sort=False)[FIGURE].agg(list)
    lines = [
        intervals.over_images([Estimate(*figures) for figures in zip(*seeds, strict=True)])
        for seeds in found.itertuples(index=False)
    ]
    return pd.DataFrame(lines, columns=OVER_IMAGES, index=found.index).reset_index()


def taken_differences(metrics: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """CHANGE of each key, of differences that a stage took itself: `keys` without the name of the difference."""
    over = differences_over_seeds(metrics.assign(difference=metrics["value"]), keys)
    return over.merge(differences_over_images(metrics, keys), on=list(keys))


def compared(metrics: pd.DataFrame, judgement: Judgement, mains: Mapping[str, str]) -> pd.DataFrame:
    """Every figure of evaluate_generation over seeds, with its difference to the reference; FD to test with a verdict.

    `value`, `low`, `high`: from `over_seeds`. `difference`: its interval is over seeds. `image_difference_*`: over
    images, the models held fixed; it never gives a verdict. SIZES; TRAIN stands in the lines of FD to test alone.
    Each data set's main model is judged by the confirmatory list; the contrasts of other models are exploratory, and
    none of them changes a line of a main one.

    Args:
        metrics: of evaluate_generation, all data sets, models and seeds.
        judgement: of the main models.
        mains: data set -> its main model (`config.main_model`), "" for none.

    Raises:
        InputError: rows that do not compare, or that were compared with another reference.
    """
    _check(metrics, judgement.reference)
    table = over_seeds(metrics[metrics["metric"] != LOG_DIFFERENCE], ROW)
    alone = [judgement.reference, FLOOR, *judgement.apart]  # without a difference
    differing = by_seed(metrics, judgement.reference)
    taken = metrics[metrics["metric"] == LOG_DIFFERENCE].assign(metric=HEADLINE)
    for differences in (differences_over_seeds(differing, ROW), differences_over_images(taken, ROW)):
        table = table.merge(differences[~differences["variant"].isin(alone)], on=ROW, how="left")
    sizes = metrics.groupby(ROW, sort=False)[SIZES].min().reset_index()
    table = _with_fd_to_train(table.merge(sizes, on=ROW))
    main, others = main_lines(metrics, mains), dataclasses.replace(judgement, confirmatory=())
    verdicts = pd.concat([_verdicts(metrics[main], judgement), _verdicts(metrics[~main], others)])
    table = table.merge(verdicts, on=ROW, how="left").fillna({"verdict": ""})
    return table.merge(_notes(table, judgement.reference), on=ROW, how="left").fillna({"note": ""})


def _with_fd_to_train(table: pd.DataFrame) -> pd.DataFrame:
    """TRAIN in the lines of FD to test, with which the paper's FID does not compare (method 5.0)."""
    place = [*SPACE, "variant"]
    found = table.loc[table["metric"] == TO_TRAIN, [*place, "value", "difference", "n_reference"]]
    found = found.set_axis([*place, *TRAIN], axis=1).assign(metric=HEADLINE)
    return table.merge(found, on=ROW, how="left")


def main_lines(table: pd.DataFrame, mains: Mapping[str, str]) -> "pd.Series[bool]":
    """Which lines are of their data set's main model."""
    return table["dataset"].map(mains) == table["model"]


def _check(metrics: pd.DataFrame, reference: str) -> None:
    """FD depends on the number of images; evaluate_generation paired all rows but its own reference over images."""
    for dataset, part in metrics.groupby("dataset", sort=False):
        n_images = part["n_images"].iloc[0]
        unlike = part.loc[(part["n_images"] != n_images) & (part["variant"] != FLOOR), "n_images"]
        if len(unlike):
            raise InputError(
                f"rows of {n_images} and {unlike.iloc[0]} images on the data set {dataset}; "
                "all its models and variants need the same extract_features.n_images in params.yaml"
            )
    for _, part in metrics.groupby(["dataset", "model"], sort=False):
        compared_rows = part.loc[part["metric"] == LOG_DIFFERENCE, "variant"]
        references = {*part["variant"]} - {*compared_rows} - {FLOOR}
        if references != {reference}:
            raise InputError(
                f"params.yaml: shared.reference is {reference!r}, but the rows were compared with "
                f"{', '.join(sorted(references))}; run the stage evaluate_generation again"
            )


def _verdicts(metrics: pd.DataFrame, judgement: Judgement) -> pd.DataFrame:
    """The verdict of each row against the reference, the same as in controls.csv."""
    others = {judgement.reference, FLOOR, FORK, *judgement.apart}
    judged = sorted({*metrics["variant"]} - others)
    found = judgement.contrasts(metrics, [(variant, judgement.reference) for variant in judged])
    lines = [(*c.space, c.variant, HEADLINE, c.verdict) for c in found if c.reference == judgement.reference]
    return pd.DataFrame(lines, columns=[*ROW, "verdict"], dtype=object)


def _notes(table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Words on a reference that has not reached its plateau: a variant may then just be faster, not better."""
    forks = table[(table["variant"] == FORK) & (table["metric"] == HEADLINE)]
    gains = -np.expm1(-forks["difference"])
    forks = forks[gains > PLATEAU].assign(variant=reference, gain=100.0 * gains)
    lower = [f"{distance_name(line['network'])} {line['gain']:.0f} % lower than at the fork" for line in records(forks)]
    note = [f"still improving: {words}; a longer base phase is needed to judge" for words in lower]
    places: pd.DataFrame = forks[ROW]
    return places.assign(note=pd.Series(note, index=forks.index, dtype=object))
