"""A verdict in words: no more than what its table says, with the figure and its interval."""

import math
from collections.abc import Mapping

from selfrefine.metrics.contrasts import EXPLORATORY, SAMPLER_DEPENDENT
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE
from selfrefine.report.seed_statistics import Line
from selfrefine.report.summary.run import Change, Run
from selfrefine.report.tables.contrasts import is_half

EXPLORED = "exploratory: not listed before the run"
# What a row does to FD, by its verdict.
DOES = {
    BETTER: "makes {fd} better by {size} over {seeds}",
    WORSE: "makes {fd} worse by {size} over {seeds}",
    EQUIVALENT: "makes no difference larger than {margin} ({fd} {signed} over {seeds})",
    INCONCLUSIVE: "is not shown to change {fd}: {signed} over {seeds}",
    SAMPLER_DEPENDENT: "has no verdict: {signed} over {seeds}, which a second sampler of the same models contradicts",
    UNDEFINED: "has no verdict: in a seed the {fd} is 0 or no number",
    NOT_ASSESSED: "is not assessed, {seeds} of the {minimum} that a verdict needs: {fd} {signed}, which may be chance",
}
# Above rows of one verdict.
GROUPS = {
    BETTER: "better",
    WORSE: "worse",
    EQUIVALENT: "no difference larger than {margin}",
    INCONCLUSIVE: "inconclusive",
    SAMPLER_DEPENDENT: "contradicted by a second sampler",
    UNDEFINED: "no number",
    NOT_ASSESSED: "not assessed, {seeds}",
}


def does(change: Change, run: Run) -> str:
    """What a row does to FD: the end of a sentence, without its full stop."""
    sign = -1.0 if change.verdict == BETTER else 1.0
    ends = sorted((sign * 100.0 * math.expm1(end) for end in (change.low, change.high)), key=float)
    words = DOES[change.verdict].format(
        fd=run.distance,
        size=f"{sign * 100.0 * math.expm1(change.difference):.1f} % [{ends[0]:.1f}, {ends[1]:.1f}]",
        signed=signed(change),
        seeds=seeds(change.n_seeds),
        margin=margin(run),
        minimum=run.minimum_seeds,
    )
    if change.verdict == INCONCLUSIVE and change.low * change.high > 0.0:
        return f"{words}, which the correction for the number of contrasts leaves open"
    explored = change.verdict in (BETTER, WORSE) and change.kind == EXPLORATORY
    return f"{words} ({EXPLORED})" if explored else words


def grouped(changes: Mapping[str, Change], run: Run) -> str:
    """Rows by name under their verdicts: "better: A (-6.4 % [-8.0, -4.9]); not assessed, one seed: B (+1.2 %)"."""
    parts = []
    for verdict, heading in GROUPS.items():
        here = {name: change for name, change in changes.items() if change.verdict == verdict}
        if here:
            counts = {change.n_seeds for change in here.values()}
            count = seeds(counts.pop()) if len(counts) == 1 else f"fewer than {run.minimum_seeds} seeds"
            listed = ", ".join(f"{name} ({signed(change)})" for name, change in here.items())
            parts.append(f"{heading.format(margin=margin(run), seeds=count)}: {listed}")
    return "; ".join(parts)


def signed(change: Change) -> str:
    """+4.2 % [-1.0, +9.0]; without brackets where there is no interval over seeds."""
    if not math.isfinite(change.difference):
        return "no number"
    low, high = (f"{100.0 * math.expm1(end):+.1f}" for end in (change.low, change.high))
    interval = f" [{low}, {high}]" if math.isfinite(change.low) else ""
    return f"{100.0 * math.expm1(change.difference):+.1f} %{interval}"


def contrast(run: Run, line: Line) -> str:
    """Both rows, and whether half their difference is told."""
    row, reference = run.title(line["row"]), run.title(line["reference"])
    return f"{row} against {reference}, half the difference" if is_half(line) else f"{row}, against {reference}"


def seeds(number: int) -> str:
    """How many independent training runs."""
    return "one seed" if number == 1 else f"{number} seeds"


def margin(run: Run) -> str:
    """The change that is too small to matter."""
    return f"{100.0 * run.equivalence_margin:.1f} %"


def listed(names: list[str]) -> str:
    """A, B and C."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
