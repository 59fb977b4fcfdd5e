"""What kept seeds have found, as a page: what holds, what does not, what cannot be told, and what it would take.

A statement is a contrast that was listed before the run, one process, the flaw map against any other map, or the map's
test on planted flaws. It stands where its verdict puts it: nothing is chosen by hand, and inconclusive is published.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import NamedTuple

from selfrefine.core.names import FAKE_SPLICE, FLAW
from selfrefine.metrics.contrasts import CONFIRMATORY
from selfrefine.metrics.intervals import (
    BETTER,
    CONFIDENCE,
    EQUIVALENCE_CONFIDENCE,
    EQUIVALENT,
    INCONCLUSIVE,
    NOT_ASSESSED,
    WORSE,
    reach,
)
from selfrefine.report.seed_statistics import Line
from selfrefine.report.summary import looked_again, sentences, words
from selfrefine.report.summary.other_results import highlighter
from selfrefine.report.summary.papers_claim import claims, papers_claim
from selfrefine.report.summary.run import Run, change
from selfrefine.report.tables.contrasts import is_half

HOLDS, NOT, UNTOLD = "What holds", "What does not hold", "What cannot be told"
MOST_SEEDS = 1000  # more are not asked for
TABLES = "findings_tables.md"  # beside the page
ERROR = 1.0 - CONFIDENCE
POWER = 0.8  # how often the seeds that are named would show it


class Statement(NamedTuple):
    """A sentence and the heading that its verdict puts it under."""

    heading: str
    sentence: str


@dataclass(frozen=True)
class Costs:
    """What more of it takes.

    Args:
        seed_hours: of the jobs of one more seed of this experiment, one after another, as the kept ones took.
        paper_hours: card -> hours of one, for the paper's Table 2 at its own scale, by the plan.
        paper_seeds: seeds in that.
    """

    seed_hours: float
    paper_hours: Mapping[str, float]
    paper_seeds: int


class Beside(NamedTuple):
    """What another experiment adds: a heading, its sentences, the file of its figure, what is said of its tables."""

    heading: str
    experiment: str
    sentences: Sequence[str]
    figure: str
    told: Sequence[str]


def too_few(experiment: str, kept: int, needed: int) -> str:
    """The page before there are seeds enough for a verdict: an early look would be one more chance to be wrong."""
    return (
        f"{_head(experiment)}{kept} of the {needed} seeds that a verdict needs are kept so far. Nothing is said of "
        "fewer: `selfrefine evidence keep` keeps each that has run to its end.\n"
    )


def page(run: Run, costs: Costs, told: Sequence[str], figure: str, others: Sequence[Beside] = ()) -> str:
    """The page.

    Args:
        run: the tables of the kept seeds.
        costs: of more seeds, and of the paper's scale.
        told: what `selfrefine evidence tables` says of these tables, a line each.
        figure: the file of every difference drawn.
        others: of other experiments.
    """
    parts = [_head(run.experiment), sentences.plateau(run), "\n\n"]
    found = list(statements(run))
    for heading in (HOLDS, NOT, UNTOLD):
        here = [f"- {sentence}\n" for place, sentence in found if place == heading]
        parts += [f"## {heading}\n\n", *(here or ["Nothing of what was asked.\n"]), "\n"]
    parts += [
        f"![Every difference, with its seeds]({figure})\n\n[Their tables]({TABLES}), with all that was explored.\n\n"
    ]
    parts += ["## What else was looked at\n\n", *(f"- {sentence}\n" for sentence in looked_again.again(run)), "\n"]
    parts += [
        "## The paper's claim\n\n",
        *(f"- {sentence}\n" for sentence in (papers_claim(run), *uncertain(run))),
        "\n",
    ]
    parts += ["## What would change our mind\n\n", *(f"- {sentence}\n" for sentence in more(run, costs)), "\n"]
    for other in others:
        said = "".join(f"- {sentence}\n" for sentence in other.sentences)
        parts.append(
            f"## {other.heading}\n\nExploratory; from the kept seeds of `{other.experiment}`.\n\n{said}\n"
            f"![{other.heading}]({other.figure})\n\n"
        )
    rests = [*told, *(line for other in others for line in other.told)]
    return "".join([*parts, "## What this rests on\n\n", *(f"- {line}\n" for line in rests)])


def _head(experiment: str) -> str:
    return (
        f"# What `{experiment}` has found\n\nWritten by `selfrefine evidence findings` from the seeds that are kept in "
        "`evidence/`; no sentence is typed. What is asked, and how it is judged, was fixed before: "
        "[the protocol](protocol.md).\n\n"
    )


def statements(run: Run) -> Iterator[Statement]:
    """All statements: the listed contrasts in their order, the processes, the flaw map, planted flaws."""
    listed = run.lines("controls", dataset=None, model=None, network=run.primary_network, kind=CONFIRMATORY)
    yield from (_contrast(run, line) for line in listed)
    judged = {(line["row"], line["reference"]) for line in listed}
    for variant in run.processes:
        if (variant, run.reference) not in judged:
            found = run.contrast(variant, run.reference)
            yield Statement(_heading(found.verdict if found else ""), sentences.process(run, variant))
    yield Statement(_of_the_flaw_map(run), sentences.flaw_map(run))
    yield Statement(_of_planted_flaws(run), highlighter(run))


def _heading(verdict: str) -> str:
    """Where a verdict on "this row lowers FD" puts it."""
    return HOLDS if verdict == BETTER else NOT if verdict in (WORSE, EQUIVALENT) else UNTOLD


def _contrast(run: Run, line: Line) -> Statement:
    """A contrast that was listed before the run."""
    where = "" if (line["dataset"], line["model"]) == run.place else f", on {run.title(line['dataset'])}"
    if not line["n_seeds"]:
        return Statement(UNTOLD, f"{_named(run, line)}{where}, was not run.")
    return Statement(
        _heading(line["verdict"]), f"{_named(run, line)}{where}, {words.does(change(line, 'low', 'high'), run)}."
    )


def _named(run: Run, line: Line) -> str:
    """Both rows, and whether half their difference is told."""
    row, reference = run.title(line["row"]), run.title(line["reference"])
    return f"{row} against {reference}, half the difference" if is_half(line) else f"{row}, against {reference}"


def _of_the_flaw_map(run: Run) -> str:
    """Shown in every process, contradicted in one by a control that is no worse, or neither."""
    arms = [rows for arm in run.processes if (rows := sentences.controls_of(run, arm))]
    tied = {line["row"] for line in run.lines("controls") if line["map_note"]}
    if arms and all(sentences.map_helps(rows) and not {row for row, _ in rows.values()} & tied for rows in arms):
        return HOLDS
    verdicts = {found.verdict for rows in arms for row, found in rows.values() if row not in tied}
    return NOT if verdicts & {WORSE, EQUIVALENT} else UNTOLD


def _of_planted_flaws(run: Run) -> str:
    """Whether the map finds planted pieces of generated images: more than real ones, and than another image's map."""
    scores = {line["metric"]: line for line in run.lines("table6", row=FLAW)}
    names = ("hit_cell_difference", f"hit_cell_{FAKE_SPLICE}", "hit_cell_other_image")
    difference, hit, blind = (scores.get(name) for name in names)
    if difference is None or hit is None or blind is None:
        return UNTOLD
    if difference["low"] > 0.0 and hit["low"] > blind["high"]:
        return HOLDS
    return NOT if difference["high"] < 0.0 else UNTOLD


def uncertain(run: Run) -> Iterator[str]:
    """How far the paper's own changes may be from those of other runs of its models, if these spread as ours do."""
    for row, share in claims(run).items():
        start = f"The paper's {100.0 * share:+.1f} % for {run.title(row)} is one training run a row, without seeds"
        line = next(iter(_judged(run, row)), None)
        spread = _spread(line) if line else math.nan
        if line is None or not math.isfinite(spread):
            yield f"{start}; how far one run is from the next, fewer than two seeds of ours cannot tell."
            continue
        half = reach(line["n_seeds"]) * math.sqrt(line["n_seeds"]) * spread  # of one more difference, not of a mean
        low, high = (100.0 * math.expm1(math.log1p(share) + sign * half) for sign in (-1.0, 1.0))
        yield f"{start}: were its runs to spread as our seeds do, it would be {low:+.1f} to {high:+.1f} % (95 %)."


def _judged(run: Run, row: str) -> list[Line]:
    return run.lines("controls", row=row, reference=run.reference, divisor=1, network=run.primary_network)


def _spread(line: Line) -> float:
    """Standard deviation between seeds of a difference of log FD; NaN for fewer than two."""
    values = [float(item.partition(":")[2]) for item in line["by_seed"].split()]
    return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else math.nan


def more(run: Run, costs: Costs) -> Iterator[str]:
    """For each listed contrast without an answer the seeds that would give one; what the paper's scale takes."""
    listed = run.lines("controls", dataset=None, model=None, network=run.primary_network, kind=CONFIRMATORY)
    for line in listed:
        if line["verdict"] in (INCONCLUSIVE, NOT_ASSESSED) and math.isfinite(_spread(line)):
            yield f"{_named(run, line)}: {_seeds_that_tell(run, line, len(listed), costs)}"
    yield (
        f"This page is of {words.seeds(len(run.select['seeds']))}; one more takes {costs.seed_hours:.1f} hours of "
        "jobs, as the kept ones did. Seeds that point the other way would turn what it says."
    )
    hours = words.listed([f"{number:,.0f} on one {card}" for card, number in costs.paper_hours.items()])
    yield (
        "What holds here need not at the paper's scale, nor the other way round. The paper's Table 2 with "
        f"{words.seeds(costs.paper_seeds)} takes, by `selfrefine plan --experiment paper`, so many GPU hours: {hours}."
    )


def _seeds_that_tell(run: Run, line: Line, family: int, costs: Costs) -> str:
    """How many seeds would show, four times of five, the change found so far, or none larger than the margin.

    Args:
        line: of controls.csv, with two seeds or more.
        family: the number of listed contrasts, for which the first number is corrected (Bonferroni).
    """
    spread, found = _spread(line), words.signed(change(line, "low", "high"))
    goals = (
        (
            f"if the true change is the {found} found so far",
            abs(line["difference"]),
            (1.0 - ERROR / family, 2.0 * POWER - 1.0),
        ),
        (
            f"to show none above {words.margin(run)} if there is none",
            run.equivalence_margin,
            (EQUIVALENCE_CONFIDENCE, POWER),
        ),
    )
    told = []
    for what, goal, levels in goals:
        enough = (n for n in range(2, MOST_SEEDS + 1) if sum(reach(n, level) for level in levels) * spread < goal)
        count = next(enough, None)
        if count is None:
            told.append(f"more than {MOST_SEEDS:,} seeds {what}")
        else:
            hours = max(0, count - int(line["n_seeds"])) * costs.seed_hours
            told.append(f"{words.seeds(count)} {what} ({hours:,.0f} more hours of jobs)")
    return f"{', or '.join(told)}, at the spread between these seeds, {100.0 * spread:.1f} %."
