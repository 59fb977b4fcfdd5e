"""The same tables as pages to read: Markdown with the paper's figures beside ours and the words that they need."""

import math
from collections.abc import Collection, Iterable, Sequence

from selfrefine.metrics.contrasts import SAMPLER_DEPENDENT
from selfrefine.metrics.frechet import FID_NETWORK, distance_name
from selfrefine.metrics.intervals import NOT_ASSESSED
from selfrefine.report.seed_statistics import Judgement, Line

EMPTY = "-"
VERDICTS = {
    "better": "lower FD than the {reference}: the 95 % interval over seeds lies below 0",
    "worse": "higher FD than the {reference}: the 95 % interval over seeds lies above 0",
    "equivalent": "no change that matters: the 90 % interval over seeds lies inside +-{margin:.1f} %",
    "inconclusive": "the seeds do not tell",
    SAMPLER_DEPENDENT: "a second sampler of the same models contradicts it",
    NOT_ASSESSED: "fewer than {minimum} seeds. One seed is one training run of each row: what differs between them may "
    "be chance, however narrow the interval over images",
}


def distance_to_test(space: Sequence[Line]) -> str:
    """The heading of a column of lines of one feature space."""
    return f"{distance_name(space[0]['network'])} to test"


def fid_words(table: Iterable[Line]) -> str:
    """What the name FID says of our figures; nothing if none of them has it."""
    if FID_NETWORK not in {line["network"] for line in table}:
        return ""
    return (
        f"In the features of `{FID_NETWORK}` FD is the FID: the paper's formula and network. The paper takes it to "
        "images that were learned from, we to test images, which were not.\n"
    )


def verdict_words(given: Collection[str], judgement: Judgement, reference: str) -> str:
    """What the verdicts that occur mean; `reference` in words."""
    values = {
        "reference": reference,
        "margin": 100.0 * judgement.equivalence_margin,
        "minimum": judgement.minimum_seeds,
    }
    lines = [f"- {name}: {words.format(**values)}.\n" for name, words in VERDICTS.items() if name in given]
    return "## Verdicts\n\n" + "".join(lines) if lines else ""


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up in a terminal: the first to the left, the others to the right."""
    widths = [max(3, *(len(row[column]) for row in (head, *rows))) for column in range(len(head))]

    def line(texts: Sequence[str]) -> str:
        first, *others = (text.rjust(width) for text, width in zip(texts, widths, strict=True))
        return f"| {' | '.join([first.strip().ljust(widths[0]), *others])} |\n"

    rule = line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return line(head) + rule + "".join(line(row) for row in rows)


def number(value: float, style: str) -> str:
    """A figure, or a dash where there is none."""
    return format(value, style).rstrip(".") if math.isfinite(value) else EMPTY


def figure(line: Line, style: str, missing: str = "") -> str:
    """Value [low, high]; `missing` in the place of an interval that is not there."""
    low, high = number(line["low"], style), number(line["high"], style)
    return number(line["value"], style) + (f" [{low}, {high}]" if math.isfinite(line["low"]) else missing)


def percent(log_ratio: float) -> str:
    """A difference of logarithms as a change in percent."""
    return f"{100.0 * math.expm1(log_ratio):+.1f} %" if math.isfinite(log_ratio) else EMPTY


def between(low: float, high: float) -> str:
    """The ends of an interval of differences of logarithms, in percent."""
    return f"{percent(low)} to {percent(high)}" if math.isfinite(low) else EMPTY
