"""What kept seeds have found, as a page: what holds, what does not, what cannot be told, and what it would take.

A statement is a contrast that was listed before the run, one process, the flaw map against any other map, or the map's
test on planted flaws. It stands where its verdict puts it: nothing is chosen by hand, and inconclusive is published.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from selfrefine.core.names import FAKE_SPLICE, FLAW
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, WORSE
from selfrefine.report.seed_statistics import Line
from selfrefine.report.summary import looked_again, more_seeds, sentences, words
from selfrefine.report.summary.more_seeds import Costs
from selfrefine.report.summary.other_results import highlighter
from selfrefine.report.summary.papers_claim import papers_claim
from selfrefine.report.summary.run import Run, change

HOLDS, NOT, UNTOLD = "What holds", "What does not hold", "What cannot be told"
TABLES = "findings_tables.md"  # beside the page
EXPLORED = "Exploratory, not corrected for the number of comparisons;"


class Statement(NamedTuple):
    """A sentence and the heading that its verdict puts it under."""

    heading: str
    sentence: str


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
        *(f"- {sentence}\n" for sentence in (papers_claim(run), *more_seeds.uncertain(run))),
        "\n",
    ]
    parts += [
        "## What would change our mind\n\n",
        *(f"- {sentence}\n" for sentence in more_seeds.more(run, costs)),
        "\n",
    ]
    for other in others:
        said = "".join(f"- {sentence}\n" for sentence in other.sentences)
        parts.append(
            f"## {other.heading}\n\n{EXPLORED} from the kept seeds of `{other.experiment}`.\n\n{said}\n"
            f"![{other.heading}]({other.figure})\n\n[The table]({TABLES}).\n\n"
        )
    rests = [*told, *(line for other in others for line in other.told)]
    return "".join([*parts, "## What this rests on\n\n", *(f"- {line}\n" for line in rests)])


def _head(experiment: str) -> str:
    return (
        f"# What `{experiment}` has found\n\nWritten by `selfrefine evidence findings` from the seeds that are kept in "
        "`evidence/`; no sentence is typed. What is asked, and how it is judged, was fixed before: "
        "[the protocol](protocol.md).\n\n"
    )


def in_short(run: Run, page: str) -> str:
    """What the README says of it: each listed contrast under its heading, and what no training does as well.

    Args:
        run: the tables of the kept seeds.
        page: where all of it stands.
    """
    where = " on ".join(run.title(name) for name in reversed(run.place))
    seeds = f"{words.seeds(len(run.select['seeds']))} that nothing had looked at before"
    told = [_contrast(run, line) for line in more_seeds.listed(run)]
    hold, do_not, untold = (sum(found.heading == heading for found in told) for heading in (HOLDS, NOT, UNTOLD))
    head = (
        f"By the experiment `{run.experiment}` ({where}, {seeds}, [rules fixed before](docs/protocol.md); "
        f"[all of it]({page})), of {len(told)} listed comparisons {hold} hold, {do_not} do not, {untold} cannot be "
        "told:"
    )
    lines = [f"{found.heading.removeprefix('What ').capitalize()}: {found.sentence}" for found in told]
    return "\n".join([head, "", *(f"- {line}" for line in (*lines, looked_again.best_noise(run)) if line)])


def statements(run: Run) -> Iterator[Statement]:
    """All statements: the listed contrasts in their order, the processes, the flaw map, planted flaws."""
    asked = more_seeds.listed(run)
    yield from (_contrast(run, line) for line in asked)
    judged = {(line["row"], line["reference"]) for line in asked}
    for variant in run.processes:
        if (variant, run.reference) not in judged:
            found = run.contrast(variant, run.reference)
            yield Statement(_heading(found.verdict if found else ""), sentences.process(run, variant))
    arms = [arm for arm in run.processes if sentences.controls_of(run, arm)]
    for arm in arms:
        yield Statement(_of_the_flaw_map(run, arm), sentences.flaw_map(run, [arm]))
    if not arms:
        yield Statement(UNTOLD, sentences.flaw_map(run))
    yield Statement(_of_planted_flaws(run), highlighter(run))


def _heading(verdict: str) -> str:
    """Where a verdict on "this row lowers FD" puts it."""
    return HOLDS if verdict == BETTER else NOT if verdict in (WORSE, EQUIVALENT) else UNTOLD


def _contrast(run: Run, line: Line) -> Statement:
    """A contrast that was listed before the run."""
    where = "" if (line["dataset"], line["model"]) == run.place else f", on {run.title(line['dataset'])}"
    if not line["n_seeds"]:
        return Statement(UNTOLD, f"{words.contrast(run, line)}{where}, was not run.")
    return Statement(
        _heading(line["verdict"]),
        f"{words.contrast(run, line)}{where}, {words.does(change(line, 'low', 'high'), run)}.",
    )


def _of_the_flaw_map(run: Run, arm: str) -> str:
    """Shown in this process, contradicted by a control that is no worse, or neither."""
    rows = sentences.controls_of(run, arm)
    tied = {line["row"] for line in run.lines("controls") if line["map_note"]}
    if sentences.map_helps(rows) and not {row for row, _ in rows.values()} & tied:
        return HOLDS
    return NOT if {found.verdict for row, found in rows.values() if row not in tied} & {WORSE, EQUIVALENT} else UNTOLD


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
