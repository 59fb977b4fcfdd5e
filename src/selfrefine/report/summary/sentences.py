"""Ten sentences that say what a run says, made of the verdicts of its tables: none claims more than its interval.

Each function makes one of them, also where a row was not run or too few seeds were. `ten` is all, in their order.
"""

import itertools
import math
from collections.abc import Mapping, Sequence

from selfrefine.core.names import FORK, HEADLINE
from selfrefine.metrics.contrasts import CONTROLS, EXPLORATORY, best_scales
from selfrefine.metrics.intervals import BETTER
from selfrefine.report.seed_statistics import PLATEAU
from selfrefine.report.summary import words
from selfrefine.report.summary.other_results import highlighter, other_tables, other_tasks
from selfrefine.report.summary.papers_claim import papers_claim
from selfrefine.report.summary.run import Change, Run, change

CONTROL_WORDS = {  # as in metrics.contrasts.CONTROLS
    "uniform": "a uniform map",
    "cells": "its own cells permuted",
    "real_map": "a map of real images",
}
_MAPS = words.listed(list(CONTROL_WORDS.values()))


def ten(run: Run) -> list[str]:
    """The sentences, ten if there are three processes."""
    return [
        *(process(run, variant) for variant in run.processes),
        flaw_map(run),
        plateau(run),
        untrained(run),
        papers_claim(run),
        highlighter(run),
        other_tables(run),
        other_tasks(run),
    ]


def process(run: Run, variant: str) -> str:
    """What one process does to FD, against the reference."""
    found = run.contrast(variant, run.reference)
    if found is None:
        return f"The variant {variant} was not run, so nothing is said of it."
    return f"{run.title(variant)}, against {run.title(run.reference)}, {words.does(found, run)}."


def flaw_map(run: Run, processes: Sequence[str] = ()) -> str:
    """Whether the flaw map helps, and not just any map: better than each control in a direct contrast.

    Args:
        run: its tables.
        processes: what is spoken of, all for none.
    """
    arms = {arm: found for arm in processes or run.processes if (found := controls_of(run, arm))}
    if not arms:
        return f"Whether the flaw map helps, and not just any map, cannot be told: no control was run ({_MAPS})."
    tied = {line["row"] for line in run.lines("controls") if line["map_note"]}
    helped = [arm for arm, rows in arms.items() if map_helps(rows) and not {row for row, _ in rows.values()} & tied]
    parts = []
    if helped:
        titles = words.listed([run.title(arm) for arm in helped])
        kinds = {against.kind for arm in helped for _, against in arms[arm].values()}
        note = f" ({words.EXPLORED})" if EXPLORATORY in kinds else ""
        parts.append(
            f"The flaw map is better than {_MAPS}, all of its strength, in direct contrasts, in {titles}{note}"
        )
    others = {arm: rows for arm, rows in arms.items() if arm not in helped}
    parts += [_not_shown(run, arm, rows, tied) for arm, rows in others.items()]
    beaten = [run.title(arm) for arm in others if _is_better(run.contrast(arm, run.reference))]
    if beaten:
        parts.append(f"That {words.listed(beaten)} is better than {run.title(run.reference)} is no evidence for it")
    return " ".join(f"{part}." for part in parts)


def controls_of(run: Run, arm: str) -> dict[str, tuple[str, Change]]:
    """Kind of control -> its row, and the arm's direct contrast to it; only those that were measured."""
    lines = run.lines("controls", row=arm, network=run.primary_network)
    return {
        line["control"]: (line["reference"], change(line, "low", "high"))
        for line in lines
        if line["control"] and line["n_seeds"]
    }


def map_helps(rows: Mapping[str, tuple[str, Change]]) -> bool:
    """The rule of `metrics.flaw_map_claim.flaw_map_helps`, on `controls_of`."""
    return all(kind in rows and rows[kind][1].verdict == BETTER for kind in CONTROLS)


def _not_shown(run: Run, arm: str, rows: Mapping[str, tuple[str, Change]], tied: set[str]) -> str:
    """The controls of an arm with what was found against each, and those that were not measured or are none."""
    found = {CONTROL_WORDS[kind]: against for kind, (_, against) in rows.items()}
    missing = [CONTROL_WORDS[kind] for kind in CONTROLS if kind not in rows]
    unfit = [CONTROL_WORDS[kind] for kind, (row, _) in rows.items() if row in tied]
    ends = [
        f"{words.listed(names)} {message}"
        for names, message in ((missing, "not run"), (unfit, "too closely tied to the flaw map to be a control"))
        if names
    ]
    told = "; ".join([words.grouped(found, run), *ends])
    start = "It is not shown that the flaw map, and not just any map of its strength, helps in"
    return f"{start} {run.title(arm)} ({run.distance} against other maps; {told})"


def _is_better(found: Change | None) -> bool:
    return found is not None and found.verdict == BETTER


def plateau(run: Run) -> str:
    """How far the reference itself still moved after the branch point: until it rests, verdicts are conditional."""
    lines = run.lines("table2", row=FORK, metric=HEADLINE, network=run.primary_network)
    name, limit = run.title(run.reference), f"{100.0 * PLATEAU:.0f} %"
    if not lines or not math.isfinite(lines[0]["difference"]):
        return f"How far {name} itself still moved after the branch point is not known."
    before = change(lines[0])
    moved = Change(-before.difference, -before.high, -before.low, before.n_seeds, "")
    told = f"After the branch point {name}'s own {run.distance} changed by {words.signed(moved)}"
    told += " in its one seed" if moved.n_seeds == 1 else f" over {words.seeds(moved.n_seeds)}"
    if -math.expm1(moved.difference) > PLATEAU:
        return (
            f"{told}, a fall of more than {limit}: it was still learning, so every verdict here holds for this length "
            "of training only, and a better row may just be a faster one."
        )
    if moved.n_seeds == 1:
        return f"{told}, no fall of more than {limit}; how far it moves in other seeds is not known."
    if -math.expm1(moved.low) > PLATEAU:
        return (
            f"{told}; the interval reaches beyond a fall of {limit}, so it is not shown that it had stopped learning."
        )
    return f"{told}, no fall of more than {limit}: it was near its end, as a verdict needs it."


def untrained(run: Run) -> str:
    """What another way to sample changes without any training, beside what refinement does."""
    reference = run.title(run.reference)
    rows = {row: found for row in run.rows["samplings"] if (found := run.contrast(row, run.reference))}
    if not rows:
        return (
            "Whether a mere scaling of the predicted noise, or a shifted clock, does as much as refinement cannot be "
            "told: no such row of `samplings` was run."
        )
    trained = {row: found for row in run.processes if (found := run.contrast(row, run.reference))}
    told = f"Without any training, against {reference}, {run.distance} changes: {_named(run, rows)}."
    if trained:
        told += f" Refinement: {_named(run, trained)}."
    best = best_scales(run.rows["samplings"])
    every = [*run.processes, *(row for row in run.rows["samplings"] if row not in best.values())]
    asked = [pair for pair in itertools.product(every, every) if not {*pair} <= {*run.processes}]
    pairs = {pair: found for pair in asked if (found := run.contrast(*pair))}
    direct = {f"{run.title(one)} against {run.title(other)}": found for (one, other), found in pairs.items()}
    told += f" Directly: {words.grouped(direct, run)}." if direct else ""
    own = {name: found for name, row in best.items() if (found := run.contrast(row, best.get(run.reference, "")))}
    return told + (f" Each at its own best scale of the noise, {reference} too: {_named(run, own)}." if own else "")


def _named(run: Run, rows: Mapping[str, Change]) -> str:
    return words.grouped({run.title(row): found for row, found in rows.items()}, run)
