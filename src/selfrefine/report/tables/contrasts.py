"""Every difference of two variants, with what it takes to judge it: verdict, map, and where the change lies.

A variant is compared with the reference; a variant with the flaw map also directly with its controls, the rows that
differ from it in the map alone, and with what was made of its map without training.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from selfrefine.core import names
from selfrefine.metrics import intervals
from selfrefine.metrics.contrasts import CONTROLS, Contrast, Pair, Space
from selfrefine.metrics.intervals import Estimate
from selfrefine.report import seed_statistics
from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Line

FLAW_MAP = "mfam"
NOT_A_CONTROL = "not a control"
MOST_ALIKE = 0.5  # |r| to the flaw map above which a map is no control for it (method 11.3)
STATISTICS = ("mean", "std", "r_mfam", "r_first")  # columns of refreshes.csv that are printed
READOUTS = {
    "mechanism_slope": "slope",
    "place_log_ratio": "place",
    "critic_logit": "critic",
}  # metric of evaluate_readouts -> column
COLUMNS = [  # of controls.csv, also where it has no line
    *("dataset", "model", "network", "row", "reference", "difference", "low", "high", "second_difference"),
    *("image_low", "image_high"),
    *("p", "p_holm", "kind", "verdict", "n_seeds", "by_seed", *(f"map_{column}" for column in STATISTICS), "map_note"),
    *(
        "slope",
        "slope_low",
        "slope_high",
        "slope_predicted",
        "place",
        "place_low",
        "place_high",
        "critic",
        "critic_low",
        "critic_high",
        "scale",
    ),
]


def controls_of(runs: Iterable[Refined]) -> dict[str, dict[str, str]]:
    """Variant with the flaw map -> each map of CONTROLS -> the selected row that differs from it in the map alone."""
    rows: dict[str, Mapping[str, Any]] = {}
    for run in runs:
        rows.setdefault(run.key[2], run.config)
    found: dict[str, dict[str, str]] = {}
    for arm, config in rows.items():
        if config["map"] == FLAW_MAP and (config["forward"], config["reverse"]) != ("none", "none"):
            alike = {row: other["map"] for row, other in rows.items() if _without_map(other) == _without_map(config)}
            found[arm] = {kind: row for row, kind in alike.items() if kind in CONTROLS}
    return found


def _without_map(config: Mapping[str, Any]) -> dict[str, Any]:
    return {leaf: value for leaf, value in config.items() if leaf not in ("map", "names")}


def pairs(
    variants: Sequence[str],
    reference: str,
    controls: Mapping[str, Mapping[str, str]],
    samplings: Mapping[str, Mapping[str, Any]],
) -> list[Pair]:
    """Each variant and untrained control against the reference, each variant with the flaw map against its controls.

    An untrained control is also compared with the variant whose network it samples, else the variant whose map it uses
    with it. Rows of a second sampler have no pairs: they tell the `second_difference` of their variants' pairs.

    Args:
        variants: the selected ones.
        reference: shared.reference.
        controls: from `controls_of`.
        samplings: the selected rows: their `of`, `map_of` and `correction`.
    """
    untrained = {name: row for name, row in samplings.items() if row["correction"] != "none"}
    found: list[Pair] = [(row, reference) for row in (*variants, *untrained) if row != reference]
    found += [(arm, row) for arm, rows in controls.items() for row in rows.values()]
    for name, row in untrained.items():
        found.append((name, row["of"]) if row["of"] != reference else (row["map_of"], name))
    return found


def lines(
    found: Iterable[Contrast],
    metrics: Iterable[Line],
    readouts: Iterable[Line],
    runs: Sequence[Refined],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """The lines of controls.csv.

    Args:
        found: contrasts, from `contrasts.judge`.
        metrics: tidy metrics of evaluate_generation.
        readouts: tidy metrics of evaluate_readouts.
        runs: all runs of train_refined.
        scale: from `tables.scales`.
    """
    over_images, measured, maps = _over_images(metrics), _readouts(readouts), map_statistics(runs)
    table = []
    for contrast in found:
        dataset, model, network = contrast.space
        row = (dataset, model, contrast.variant)
        low, high = over_images.get((contrast.space, contrast.variant, contrast.reference), (math.nan, math.nan))
        table.append(
            {
                **{"dataset": dataset, "model": model, "network": network},
                **{"row": contrast.variant, "reference": contrast.reference},
                **{"difference": contrast.difference, "low": contrast.low, "high": contrast.high},
                "second_difference": contrast.second_difference,
                **{"image_low": low, "image_high": high, "p": contrast.p, "p_holm": contrast.p_holm},
                **{"kind": contrast.kind, "verdict": contrast.verdict, "n_seeds": contrast.n_seeds},
                "by_seed": " ".join(f"{seed}:{d:.9g}" for seed, d in contrast.by_seed.items()),
                **maps.get(row, _no_map()),
                **measured.get(row, _no_readouts()),
                "scale": scale[dataset, model],
            }
        )
    return table


def map_statistics(runs: Iterable[Refined]) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(data set, model, variant) -> what is printed of its map: means over refreshes, then over seeds."""
    by_row: dict[tuple[str, str, str], list[Refined]] = {}
    for run in runs:
        by_row.setdefault(run.key, []).append(run)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for key, seeds in by_row.items():
        values = {f"map_{column}": fmean(run.mean(column) for run in seeds) for column in STATISTICS}
        alike = seeds[0].config["map"] != FLAW_MAP and abs(values["map_r_mfam"]) > MOST_ALIKE
        predicted = fmean(run.predicted_slope() for run in seeds)
        found[key] = {**values, "map_note": NOT_A_CONTROL if alike else "", "slope_predicted": predicted}
    return found


def _no_map() -> dict[str, Any]:
    return {f"map_{column}": math.nan for column in STATISTICS} | {"map_note": "", "slope_predicted": math.nan}


def _no_readouts() -> dict[str, float]:
    return {f"{name}{end}": math.nan for name in READOUTS.values() for end in ("", "_low", "_high")}


def _over_images(metrics: Iterable[Line]) -> dict[tuple[Space, str, str], tuple[float, float]]:
    """The interval over images of each difference that evaluate_generation took: those to its reference alone."""
    estimates: dict[tuple[Space, str], list[Estimate]] = {}
    rows: dict[Space, set[str]] = {}
    for line in metrics:
        space = Space(line["dataset"], line["model"], line["network"])
        if line["metric"] == names.LOG_DIFFERENCE:
            taken = Estimate(line["value"], line["low"], line["high"])
            estimates.setdefault((space, line["variant"]), []).append(taken)
        elif line["metric"] == names.HEADLINE and line["variant"] != names.FLOOR:
            rows.setdefault(space, set()).add(line["variant"])
    return {
        (space, variant, reference): intervals.over_images(taken)
        for (space, variant), taken in estimates.items()
        for reference in rows[space]
        if (space, reference) not in estimates  # the reference has no difference to itself
    }


def _readouts(metrics: Iterable[Line]) -> dict[tuple[str, str, str], dict[str, float]]:
    """(data set, model, variant) -> slope and place with their intervals: over seeds, of one seed over images."""
    seeds: dict[tuple[str, str, str], dict[str, list[Estimate]]] = {}
    for line in metrics:
        if line["metric"] in READOUTS:
            row = seeds.setdefault((line["dataset"], line["model"], line["variant"]), {})
            taken = Estimate(line["value"], line["low"], line["high"])
            row.setdefault(READOUTS[line["metric"]], []).append(taken)
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for key, row in seeds.items():
        found[key] = _no_readouts()
        for name, estimates in row.items():
            figure = seed_statistics.over_runs(estimates)
            found[key] |= {name: figure["value"], f"{name}_low": figure["low"], f"{name}_high": figure["high"]}
    return found
