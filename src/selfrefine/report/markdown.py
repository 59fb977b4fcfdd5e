"""Tables as pages to read: Markdown with the paper's figures beside ours and the words that they need."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from selfrefine.core.names import HEADLINE
from selfrefine.metrics.contrasts import SAMPLER_DEPENDENT
from selfrefine.metrics.frechet import FID_NETWORK, distance_name
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE, reach
from selfrefine.report.seed_statistics import FIGURE, SIZES, Judgement, Line, places, records

Columns = Mapping[str, Iterable[str]]  # heading -> texts

EMPTY = "-"
FEWEST_PER_FEATURE = 2  # photographs that FD is taken to, below which its page warns
HOLM = ", of contrasts that were listed before the run after Holm's correction for their number"
VERDICTS = {
    BETTER: "lower FD than the {reference}: p, {decides}, is at most 0.05",
    WORSE: "higher FD than the {reference}: p, {decides}, is at most 0.05",
    EQUIVALENT: "no change that matters: the 90 % interval over seeds lies inside +-{margin:.1f} %",
    INCONCLUSIVE: "p, {decides}, is above 0.05, and the 90 % interval over seeds is not inside +-{margin:.1f} %",
    SAMPLER_DEPENDENT: "a second sampler of the same models contradicts it: there the seeds support another one of "
    "better, worse and equivalent; an opposite sign that they do not support is no contradiction",
    UNDEFINED: "none: the change of a seed is no number, since an FD is 0 or none",
    NOT_ASSESSED: "fewer than {minimum} seeds. One seed is one training run of each row: what differs between them may "
    "be chance, however narrow the interval over images",
}


# -- parts of a page ---------------------------------------------------------------------------------------------------


def sections(table: pd.DataFrame, titles: Mapping[str, str], of: str = "model") -> Iterator[tuple[str, pd.DataFrame]]:
    """Heading and lines of each data set and model; `of` is the column that names the model."""
    for (dataset, model), part in places(table, "dataset", of):
        scales = "; ".join(part["scale"].unique())
        yield f"## {titles[model]} on {titles[dataset]}\n\n{scales}.\n", part


def feature_spaces(part: pd.DataFrame, primary: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each feature network, the primary one first, with its lines."""
    for network in sorted(part["network"].unique(), key=lambda name: (name != primary, name)):
        yield network, part[part["network"] == network]


def notes(part: pd.DataFrame, name: str) -> list[str]:
    """What must be said of a line, after its name: a format of its columns."""
    return [f"**{name.format_map(line)} {line['note']}.**\n" for line in records(part[part["note"] != ""])]


def fid_words(table: pd.DataFrame) -> str:
    """What the name FID says of our figures; nothing if none of them has it."""
    if FID_NETWORK not in set(table["network"]):
        return ""
    return (
        f"In the features of `{FID_NETWORK}` FD is the FID: the paper's formula and network. The paper takes it to "
        "images that were learned from: its figure stands beside ours to train. Test images were not learned from.\n"
    )


def few_images_words(space: pd.DataFrame) -> str:
    """What must be said where FD is taken to few photographs; nothing if there are enough.

    Args:
        space: lines of FD, with SIZES.
    """
    few = space[space["n_reference"] < FEWEST_PER_FEATURE * space["n_features"]].drop_duplicates(["network", *SIZES])
    return "".join(
        f"\n**{distance_name(line['network'])} to test is to {line['n_reference']:,.0f} photographs, fewer than "
        f"{FEWEST_PER_FEATURE} for each of {line['n_features']:,.0f} features: so few have a covariance that is nearly "
        "singular, which makes the figure too high and changes in it too small.**\n"
        for line in records(few)
    )


def verdict_words(table: pd.DataFrame, judgement: Judgement, reference: str) -> str:
    """What the verdicts that occur mean; `reference` in words."""
    values = {
        "reference": reference,
        "decides": "of a t test over seeds" + (HOLM if judgement.confirmatory else ""),
        "margin": 100.0 * judgement.equivalence_margin,
        "minimum": judgement.minimum_seeds,
    }
    given = set(table["verdict"])
    lines = [f"- {name}: {words.format(**values)}.\n" for name, words in VERDICTS.items() if name in given]
    return "## Verdicts\n\n" + "".join(lines) + _width(table) if lines else ""


def _width(table: pd.DataFrame) -> str:
    """How wide intervals over so few seeds are; nothing where no seeds were judged."""
    counts = sorted(set(table.loc[~table["verdict"].isin(["", NOT_ASSESSED, UNDEFINED]), "n_seeds"]))
    if not counts:
        return ""
    widths = " and ".join(f"{reach(n):.1f} with {n:.0f} seeds" for n in counts)
    return (
        f"- Width: a 95 % interval over seeds reaches {widths} standard deviations between seeds to each side. Few "
        "seeds are wrong no more often than many, but only show large changes.\n"
    )


# -- tables ------------------------------------------------------------------------------------------------------------


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up in a terminal: the first to the left, the others to the right."""
    widths = [max(3, *(len(row[column]) for row in (head, *rows))) for column in range(len(head))]

    def line(texts: Sequence[str]) -> str:
        first, *others = (text.rjust(width) for text, width in zip(texts, widths, strict=True))
        return f"| {' | '.join([first.strip().ljust(widths[0]), *others])} |\n"

    rule = line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return line(head) + rule + "".join(line(row) for row in rows)


def columns_table(columns: Columns) -> str:
    """A Markdown table of heading -> texts."""
    return markdown_table(list(columns), list(zip(*columns.values(), strict=True)))


def distances_table(space: pd.DataFrame, lead: Columns, reference: str = "") -> str:
    """FD in one feature space: leading columns, the paper's FID and its change beside ours to train, ours to test with
    its number of photographs, its change and the verdict; below it a warning if they are few.

    Args:
        space: lines of one feature network; without a column `paper` the paper has no such figures.
        lead: heading -> texts.
        reference: the `row` that the paper's changes are taken to, where there is no column `paper_difference`.
    """
    columns, name = dict(lead), distance_name(space["network"].iloc[0])
    if "paper" in space:
        columns["Paper: FID"] = [_paper_fid(line) for line in records(space)]
        columns["Paper: change"] = map(
            percent, paper_change(space, reference) if reference else space["paper_difference"]
        )
        columns[f"{name} to train{_counted(space['n_train'])}"] = [number(fd, "#.4g") for fd in space["train_value"]]
        columns["Change, to train"] = map(percent, space["train_difference"])
    columns[f"{name} to test{_counted(space['n_reference'])}"] = [
        figure(line, "#.4g", missing=" (no interval)") for line in records(space)
    ]
    return columns_table(columns | change_columns(space.assign(metric=HEADLINE))) + few_images_words(space)


def _counted(numbers: "pd.Series[float]") -> str:
    """How many photographs stand behind a column: ", n 3,000", of several ", n 819 to 3,000"; nothing if unknown."""
    found = sorted(numbers.dropna().unique())
    return f", n {' to '.join(f'{n:,.0f}' for n in (found[0], found[-1])[: len(found)])}" if found else ""


def _paper_fid(line: Line) -> str:
    """The paper's figure, as it is printed there."""
    error = line.get("paper_error", math.nan)
    return number(line["paper"], ".3f") + (f" +- {error:.3f}" if math.isfinite(error) else "")


def paper_change(space: pd.DataFrame, reference: str) -> list[float]:
    """Difference of logarithms of the paper's FID to the reference; NaN for itself and where the paper has none."""
    base = next(iter(space.loc[space["row"] == reference, "paper"]), math.nan)
    return list(np.where(space["row"] == reference, math.nan, np.log(space["paper"] / base)))


def change_columns(part: pd.DataFrame) -> dict[str, list[str]]:
    """Heading -> texts of our change, its intervals, and the verdict; FD in percent, all else as it is measured.

    Args:
        part: lines with a difference; `style` and `factor` where a metric is not FD.
    """
    texts = [
        (
            difference(line, line["difference"]),
            interval(line, "image_difference"),
            interval(line, "difference"),
            line["verdict"] or EMPTY,
        )
        for line in records(part)
    ]
    return dict(
        zip(("Change", "Over images", "Over seeds", "Verdict"), map(list, zip(*texts, strict=True)), strict=True)
    )


def difference(line: Line, value: float) -> str:
    """A difference: of FD in percent, of another metric in its own unit."""
    if line["metric"].startswith("fd_"):
        return percent(value)
    return number(line["factor"] * value, f"+{line['style']}")


def interval(line: Line, name: str) -> str:
    """The ends of an interval of a difference; a dash for none."""
    low, high = line[f"{name}_low"], line[f"{name}_high"]
    return f"{difference(line, low)} to {difference(line, high)}" if math.isfinite(low) else EMPTY


def wide(
    part: pd.DataFrame, metrics: Mapping[str, tuple[str, float, str]], **formats: str
) -> tuple[list[str], dict[str, list[str]]]:
    """One line for each `row`, one column for each metric: names of the rows, and heading -> texts.

    Args:
        part: lines of one data set and model.
        metrics: metric -> (heading, factor, style).
        formats: what the headings name.
    """
    rows = list(part["row"].unique())
    found = {(line["row"], line["metric"]): line for line in records(part)}
    columns = {
        heading.format(**formats): [scaled(found.get((row, metric)), factor, style) for row in rows]
        for metric, (heading, factor, style) in metrics.items()
    }
    return rows, columns


# -- texts -------------------------------------------------------------------------------------------------------------


def number(value: float, style: str) -> str:
    """A figure, or a dash where there is none."""
    return format(value, style).rstrip(".") if math.isfinite(value) else EMPTY


def figure(line: Line, style: str, missing: str = "") -> str:
    """Value [low, high]; `missing` in the place of an interval that is not there; a dash for no value."""
    low, high = number(line["low"], style), number(line["high"], style)
    if not math.isfinite(line["value"]):
        return EMPTY
    return number(line["value"], style) + (f" [{low}, {high}]" if math.isfinite(line["low"]) else missing)


def scaled(line: Line | None, factor: float, style: str) -> str:
    """A figure in another unit; a dash where there is no line."""
    return EMPTY if line is None else figure({end: factor * line[end] for end in FIGURE}, style)


def percent(log_ratio: float) -> str:
    """A difference of logarithms as a change in percent."""
    return f"{100.0 * math.expm1(log_ratio):+.1f} %" if math.isfinite(log_ratio) else EMPTY


def between(low: float, high: float) -> str:
    """The ends of an interval of differences of logarithms, in percent."""
    return f"{percent(low)} to {percent(high)}" if math.isfinite(low) else EMPTY
