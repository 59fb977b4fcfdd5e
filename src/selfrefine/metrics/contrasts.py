"""Contrasts of two variants over seeds, and what may be said of them: Holm, two samplers.

d = log FD(variant) - log FD(reference) of one seed, an independent base, highlighter and refinement; lower is better.
Contrasts that params.yaml lists are confirmatory and corrected for their number; all others are exploratory.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal, NamedTuple

from selfrefine.core.errors import InputError
from selfrefine.core.names import BEST, HEADLINE, MENDS
from selfrefine.metrics import intervals
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, WORSE

SAMPLER_DEPENDENT = "sampler-dependent"
CONFIRMATORY: Literal["confirmatory"] = "confirmatory"
EXPLORATORY: Literal["exploratory"] = "exploratory"
# Direct contrasts that "the flaw map helps" needs: strength without place, place without flaws, maps of real images;
# all as strong as the flaw map, else they would judge strength.
CONTROLS = ("uniform", "cells", "real_map")

# (variant, reference), as in make_tables.confirmatory; with a third word, HALF, half their difference: of two arms that
# differ in the sign of one thing, what this adds to or takes from what they share.
Pair = tuple[str, ...]
HALF = "half"


class Space(NamedTuple):
    """Where figures compare: one data set, model and feature network."""

    dataset: str
    model: str
    network: str


Distances = dict[Space, dict[str, dict[int, float]]]  # variant -> seed -> FD to test


@dataclass(frozen=True)
class Rules:
    """What judges the contrasts, all of it fixed before the run.

    Args:
        confirmatory: make_tables.confirmatory in params.yaml.
        primary_network: the feature network that the confirmatory contrasts are made in.
        margin: make_tables.equivalence_margin.
        minimum_seeds: make_tables.minimum_seeds.
        second_sampler: from `second_samplers`.
    """

    confirmatory: Sequence[Pair]
    primary_network: str
    margin: float
    minimum_seeds: int
    second_sampler: Mapping[str, str]


@dataclass(frozen=True)
class Contrast:
    """One line: variant against reference in one space.

    Args:
        space: data set, model, feature network.
        variant: first row.
        reference: second row.
        divisor: of d, here and below: 2 of a half difference, else 1.
        difference: mean of d over seeds; NaN without a common seed.
        low: of the 95 % t interval over seeds, not corrected for the number of contrasts.
        high: likewise.
        p: two-sided, of the t test over seeds.
        p_holm: p corrected over all confirmatory contrasts; NaN for an exploratory one.
        kind: confirmatory or exploratory.
        verdict: better, worse, equivalent, inconclusive or sampler-dependent; not assessed or undefined: none.
        by_seed: d of each seed that both rows have.
        second_difference: mean of d under the second sampler; NaN where it was not run.
        second_low: of its 95 % t interval over seeds.
        second_high: likewise.
    """

    space: Space
    variant: str
    reference: str
    divisor: int
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    kind: Literal["confirmatory", "exploratory"]
    verdict: str
    by_seed: dict[int, float]
    second_difference: float
    second_low: float
    second_high: float

    @property
    def n_seeds(self) -> int:
        """Number of independent training runs."""
        return len(self.by_seed)


def judge(metrics: Iterable[Mapping[str, Any]], rules: Rules, exploratory: Sequence[Pair] = ()) -> list[Contrast]:
    """All contrasts in every data set, model and feature network.

    The family of Holm's correction is every confirmatory pair in every data set and model, in the primary network;
    elsewhere they are exploratory. A pair is left out where a row of it does not run; a listed one not if nowhere.

    Args:
        metrics: tidy metrics of evaluate_generation, all seeds.
        rules: what was fixed before the run.
        exploratory: further pairs (variant, reference); those that are confirmatory are not repeated.

    Returns:
        By space; the confirmatory pairs first, each group in the order given.
    """
    table = distances(metrics)
    listed = [tuple(pair) for pair in rules.confirmatory]
    pairs = list(dict.fromkeys([*listed, *(tuple(pair) for pair in exploratory)]))
    nowhere = {pair for pair in listed if not any(rows.keys() >= {*pair[:2]} for rows in table.values())}
    found = {
        (space, pair): _by_seed(rows, pair)
        for space, rows in table.items()
        for pair in pairs
        if pair in nowhere or rows.keys() >= {*pair[:2]}
    }
    family = [key for key in found if key[0].network == rules.primary_network and key[1] in listed]
    adjusted = intervals.holm([intervals.p_value(list(found[key].values())) for key in family])
    corrected = dict(zip(family, adjusted, strict=True))
    return [_contrast(table[key[0]], key, by_seed, corrected.get(key), rules) for key, by_seed in found.items()]


def second_samplers(samplings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Variant -> the row of the same network under a second sampler; variants without one are not in it.

    Args:
        samplings: row -> its `of`, the variant that is sampled; a correction, scale or guide is no other sampler.

    Raises:
        InputError: two such rows of one variant: which of them would judge it?
    """
    found: dict[str, str] = {}
    for name, row in samplings.items():
        second = row["correction"] == "none" and not {*MENDS} & {*row}
        if second and (other := found.setdefault(row["of"], name)) != name:
            raise InputError(
                f"params.yaml: select.samplings has {other} and {name}, both of {row['of']}; a variant has one second "
                "sampler: select one of them"
            )
    return found


def best_scales(samplings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Variant -> the row of the same network at its own best scale of the noise, where there is one."""
    return {row["of"]: name for name, row in samplings.items() if row.get("eps_scale") == BEST}


def distances(metrics: Iterable[Mapping[str, Any]]) -> Distances:
    """FD to test of each row and seed."""
    table: Distances = {}
    for line in metrics:
        if line["metric"] == HEADLINE:
            rows = table.setdefault(Space(line["dataset"], line["model"], line["network"]), {})
            rows.setdefault(line["variant"], {})[line["seed"]] = line["value"]
    return table


def _by_seed(rows: Mapping[str, Mapping[int, float]], pair: Pair) -> dict[int, float]:
    """d of each seed that both rows have, half of it where the pair says so."""
    one, other = (rows.get(row, {}) for row in pair[:2])
    common = sorted(one.keys() & other.keys())
    return {seed: intervals.log_ratio(one[seed], other[seed]) / _divisor(pair) for seed in common}


def _divisor(pair: Pair) -> int:
    return 2 if pair[2:] == (HALF,) else 1


def _contrast(
    rows: Mapping[str, Mapping[int, float]],
    key: tuple[Space, Pair],
    by_seed: dict[int, float],
    corrected: float | None,
    rules: Rules,
) -> Contrast:
    space, pair = key
    (variant, reference), values, second = pair[:2], list(by_seed.values()), rules.second_sampler
    both = variant in second and reference in second
    again = _by_seed(rows, (second[variant], second[reference], *pair[2:])) if both else {}
    low, high = intervals.over_seeds(values)
    second_low, second_high = intervals.over_seeds(list(again.values()))
    return Contrast(
        space=space,
        variant=variant,
        reference=reference,
        divisor=_divisor(pair),
        difference=fmean(values) if values else math.nan,
        low=low,
        high=high,
        p=intervals.p_value(values),
        p_holm=math.nan if corrected is None else corrected,
        kind=EXPLORATORY if corrected is None else CONFIRMATORY,
        verdict=_verdict(values, list(again.values()), corrected, rules),
        by_seed=by_seed,
        second_difference=fmean(again.values()) if again else math.nan,
        second_low=second_low,
        second_high=second_high,
    )


def _verdict(values: list[float], resampled: list[float], corrected: float | None, rules: Rules) -> str:
    """The verdict of the first sampler, unless the second one contradicts it (method 11.4).

    Only what the seeds support contradicts, never a sign alone, which may be chance: of a direction the other one, or
    "equivalent" where the interval over seeds is not on the same side of 0 all the same; of "equivalent" a direction.
    """

    def verdict_of(differences: list[float], adjusted_p: float | None = None) -> str:
        return intervals.verdict(
            differences, margin=rules.margin, minimum_seeds=rules.minimum_seeds, adjusted_p=adjusted_p
        )

    first, second = verdict_of(values, corrected), verdict_of(resampled)
    low, high = intervals.over_seeds(resampled)
    same_side = (first == BETTER and high < 0.0) or (first == WORSE and low > 0.0)
    claims = (BETTER, WORSE, EQUIVALENT)
    contradicted = first in claims and second in claims and first != second and not same_side
    return SAMPLER_DEPENDENT if contradicted else first
