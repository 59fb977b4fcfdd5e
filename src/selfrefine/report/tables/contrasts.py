"""Every difference of two variants, with what it takes to judge it: verdict, map, and where the change lies.

A variant is compared with the reference; a variant with the flaw map also directly with its controls, the rows that
differ from it in the map alone, and with what was made of its map without training.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import pandas as pd

from selfrefine.core.names import LOG_DIFFERENCE, MENDS
from selfrefine.metrics.contrasts import CONTROLS, Contrast, Pair, best_scales
from selfrefine.report import costs
from selfrefine.report.results import FLAW_MAP, STATISTICS, Results
from selfrefine.report.seed_statistics import OVER_IMAGES, SPACE, differences_over_images, over_seeds

NOT_A_CONTROL = "not a control"
MOST_ALIKE = 0.5  # |r| to the flaw map above which a map is no control for it (method 11.3)
AS_STRONG = ("uniform", "cells")  # controls that have the flaw map's mean by what they are
READOUTS = {  # metric of evaluate_readouts -> column
    "mechanism_slope": "slope",
    "place_log_ratio": "place",
    "critic_logit": "critic",
}
ROW = ["dataset", "model", "row"]
SECOND = ("second_difference", "second_low", "second_high")
IMAGES = ["image_low", "image_high"]
MAP = [f"map_{column}" for column in STATISTICS]
COLUMNS = [  # of controls.csv
    *(*SPACE, "row", "reference", "divisor", "difference", "low", "high", *SECOND, *IMAGES),
    *("p", "p_holm", "kind", "control", "verdict", "n_seeds", "by_seed", *MAP, "map_note"),
    *("slope", "slope_low", "slope_high", "slope_predicted", "place", "place_low", "place_high"),
    *("critic", "critic_low", "critic_high", *costs.COLUMNS, "scale"),
]


def controls_of(runs: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Variant with the flaw map -> each map of CONTROLS -> the selected row that differs from it in the map alone.

    Strength alone moves FD: a map that does not have the flaw map's mean by what it is must be given it (`match`).
    """
    first = runs.drop_duplicates("variant")
    rows = dict(zip(first["variant"], first["leaves"], strict=True))
    found: dict[str, dict[str, str]] = {}
    for arm, leaves in rows.items():
        if leaves["map"] == FLAW_MAP and (leaves["forward"], leaves["reverse"]) != ("none", "none"):
            fitting = {"map": FLAW_MAP, "match": leaves["match"]}
            alike = {row: other for row, other in rows.items() if other | fitting == leaves}
            found[arm] = {kind: row for row, other in alike.items() if (kind := control_kind(other)) is not None}
    return found


def control_kind(leaves: Mapping[str, Any]) -> str | None:
    """Which of CONTROLS a row is; None for another map, and for one of another strength than the flaw map's."""
    kind: str = leaves["map"]
    return kind if kind in CONTROLS and (kind in AS_STRONG or leaves["match"]) else None


def pairs(
    variants: Sequence[str],
    reference: str,
    controls: Mapping[str, Mapping[str, str]],
    samplings: Mapping[str, Mapping[str, Any]],
) -> list[Pair]:
    """Each variant and untrained control against the reference, each variant with the flaw map against its controls.

    An untrained control, a correction, a scale of the noise or a guide, is also compared with the variant whose network
    it samples, else the variant whose map it uses with it. Rows of a second sampler have no pairs: they tell the
    `second_difference` of their variants' pairs. A row at its own best scale of the noise is compared with the
    reference at its own, and with its variant.

    Args:
        variants: the selected ones.
        reference: shared.reference.
        controls: from `controls_of`.
        samplings: the selected rows: their `of`, `map_of`, `correction` and MENDS.
    """
    best = best_scales(samplings)
    changed = {name for name, row in samplings.items() if row["correction"] != "none" or {*MENDS} & {*row}}
    untrained = {name: row for name, row in samplings.items() if name in changed - {*best.values()}}
    found: list[Pair] = [(row, reference) for row in (*variants, *untrained) if row != reference]
    found += [(arm, row) for arm, rows in controls.items() for row in rows.values()]
    for name, row in untrained.items():
        if row["of"] != reference:
            found.append((name, row["of"]))
        elif "map_of" in row:
            found.append((row["map_of"], name))
    found += [(row, best[reference]) for variant, row in best.items() if variant != reference and reference in best]
    return found + [(row, variant) for variant, row in best.items()]


def judged(results: Results) -> list[Contrast]:
    """Every contrast of the main models."""
    reference, controls = results.judgement.reference, controls_of(results.of_mains(results.runs))
    listed = pairs(results.select["variants"], reference, controls, results.rows["samplings"])
    return results.judgement.contrasts(results.of_mains(results.of("generation")), listed)


def lines(results: Results) -> pd.DataFrame:
    """The lines of controls.csv."""
    controls = controls_of(results.of_mains(results.runs))
    found = [_line(contrast, controls) for contrast in judged(results)]
    table = pd.DataFrame(found, columns=COLUMNS[: COLUMNS.index(MAP[0])])
    metrics = results.of_mains(results.of("generation"))
    taken = metrics[metrics["metric"] == LOG_DIFFERENCE].rename(columns={"variant": "row"})
    over_images = differences_over_images(taken, [*SPACE, "row"]).rename(
        columns=dict(zip(OVER_IMAGES, IMAGES, strict=True))
    )
    over_images = over_images.assign(reference=results.judgement.reference)
    table = table.drop(columns=IMAGES).merge(over_images, on=[*SPACE, "row", "reference"], how="left")
    maps = map_statistics(results.of_mains(results.runs))[[*ROW, *MAP, "map_note", "slope_predicted"]]
    for of_row in (maps, _readouts(results.of("readouts"))):
        table = table.merge(of_row, on=ROW, how="left")
    table = costs.with_costs(table, results)
    return table.fillna({"map_note": ""}).assign(scale=results.scale(table))[COLUMNS]


def _line(contrast: Contrast, controls: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A contrast as a line; `control`: which of CONTROLS its second row is for the first; "" for none."""
    kinds = {row: kind for kind, row in controls.get(contrast.variant, {}).items()}
    columns = (
        "reference",
        "divisor",
        "difference",
        "low",
        "high",
        *SECOND,
        "p",
        "p_holm",
        "kind",
        "verdict",
        "n_seeds",
    )
    by_seed = " ".join(f"{seed}:{difference:.9g}" for seed, difference in contrast.by_seed.items())
    figures = {column: getattr(contrast, column) for column in columns}
    return {
        **contrast.space._asdict(),
        "row": contrast.variant,
        **figures,
        "control": kinds.get(contrast.reference, ""),
        "by_seed": by_seed,
    }


def is_half(line: Mapping[str, Any]) -> bool:
    """Whether a line of controls.csv tells half a difference."""
    return bool(line["divisor"] != 1)


def map_statistics(runs: pd.DataFrame) -> pd.DataFrame:
    """What is printed of the map of each row: means over refreshes, then over seeds; `map`, `leaves`, `n_maps`."""
    first = {name: (name, "first") for name in ("map", "leaves", "n_maps")}
    means = {name: (name, fmean) for name in (*MAP, "slope_predicted")}
    found = runs.rename(columns={"variant": "row"}).groupby(ROW, sort=False).agg(**first, **means).reset_index()
    alike = (found["map"] != FLAW_MAP) & (found["map_r_mfam"].abs() > MOST_ALIKE)
    return found.assign(map_note=alike.map({True: NOT_A_CONTROL, False: ""}))


def _readouts(metrics: pd.DataFrame) -> pd.DataFrame:
    """Slope, place and critic of each row, with their intervals: over seeds, of one seed over images."""
    taken = metrics[metrics["metric"].isin(READOUTS)].replace({"metric": READOUTS}).rename(columns={"variant": "row"})
    figures = over_seeds(taken, [*ROW, "metric"])
    found = figures[ROW].drop_duplicates()
    for name in READOUTS.values():
        ends = {"value": name, "low": f"{name}_low", "high": f"{name}_high"}
        of_name = figures[figures["metric"] == name].rename(columns=ends)
        found = found.merge(of_name[[*ROW, *ends.values()]], on=ROW, how="left")
    return found
