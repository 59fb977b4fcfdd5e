"""Table 3 of the paper: self-refinement on other data sets, beside that of Table 2 (method 5.2)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfrefine.core.names import HEADLINE
from selfrefine.report.markdown import (
    EMPTY,
    between,
    distance_to_test,
    fid_words,
    figure,
    markdown_table,
    number,
    percent,
    verdict_words,
)
from selfrefine.report.paper_values import PAPER_DATASETS, published_fid
from selfrefine.report.seed_statistics import Judgement, Line

# Not in paper: Table 3 leaves out the data set of Table 2; we print it, too, because it answers the same question.
SOURCES = ("table2", "table3")
ONE_DATASET = (
    "One data set is selected: whether self-refinement helps on others, too, cannot be told. `select.datasets` in "
    "params.yaml names what runs.\n"
)
COPIED = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
COLUMNS = [  # of table3.csv, also where it has no line
    *("dataset", "stands_for", "model", "network", "row", "metric", "paper", "paper_difference"),
    *("value", "low", "high", *COPIED, "verdict", "n_images", "n_seeds", "scale", "note"),
]


def lines(
    table: Iterable[Line], paper: Sequence[Line], reference: str, stands_for: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The lines of table3.csv: the reference and the paper's method on every data set.

    `paper_difference` is of logarithms of the paper's FID, as `difference` is of ours; NaN where the paper has none.

    Args:
        table: all data sets and variants, from `tables.table2`.
        paper: paper_values.csv.
        reference: the variant that differences are taken to.
        stands_for: data set -> the paper's data set.
    """
    published = {key: value for source in SOURCES for key, value in published_fid(paper, source).items()}
    kept = {row for row, _ in published_fid(paper, "table3")} | {reference}
    found = []
    for line in table:
        if line["metric"] != HEADLINE or line["row"] not in kept:
            continue
        place = stands_for.get(line["dataset"], "")
        there, base = (published.get((row, place), math.nan) for row in (line["row"], reference))
        found.append(
            {"dataset": line["dataset"], "stands_for": place}
            | {column: line[column] for column in ("model", "network", "row", "metric")}
            | {"paper": there, "paper_difference": math.nan if line["row"] == reference else math.log(there / base)}
            | {column: line[column] for column in ("value", "low", "high", *COPIED)}
            | {column: line[column] for column in ("verdict", "n_images", "n_seeds", "scale", "note")}
        )
    return found


def page(table: Sequence[Line], *, judgement: Judgement, titles: Mapping[str, str]) -> str:
    """table3.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models and variants.
    """
    told = (
        "Each data set has a base model, a highlighter and refinements of its own. Figures, changes and intervals as "
        "in Table 2; the paper's FID and our FD do not compare, only their changes do. Its figures for "
        f"{PAPER_DATASETS['celeba_hq']} are those of its Table 2.\n"
    )
    parts = ["# Table 3: other data sets\n", told + fid_words(table)]
    if len({line["dataset"] for line in table}) == 1:
        parts.append(ONE_DATASET)
    for model in dict.fromkeys(line["model"] for line in table):
        part = [line for line in table if line["model"] == model]
        scales = dict.fromkeys(line["scale"] for line in part)
        parts.append(f"## {titles[model]}\n\n" + "".join(f"- {scale}.\n" for scale in scales))
        for network in sorted({line["network"] for line in part}, key=lambda n: (n != judgement.primary_network, n)):
            space = [line for line in part if line["network"] == network]
            parts += [f"### Features of `{network}`\n", _rows(space, titles)]
            parts += [_note(line, titles) for line in space if line["note"]]
    return "\n".join(
        [*parts, verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])]
    )


def _rows(space: Sequence[Line], titles: Mapping[str, str]) -> str:
    head = (
        "",
        "In the place of",
        "Row",
        "Paper: FID",
        "Paper: change",
        distance_to_test(space),
        "Change",
        "Over images",
    )
    rows = [
        (
            titles[line["dataset"]],
            PAPER_DATASETS.get(line["stands_for"], EMPTY),
            titles[line["row"]],
            number(line["paper"], ".3f"),
            percent(line["paper_difference"]),
            figure(line, "#.4g", missing=" (no interval)"),
            percent(line["difference"]),
            between(line["image_difference_low"], line["image_difference_high"]),
            between(line["difference_low"], line["difference_high"]),
            line["verdict"] or EMPTY,
        )
        for line in space
    ]
    return markdown_table((*head, "Over seeds", "Verdict"), rows)


def _note(line: Line, titles: Mapping[str, str]) -> str:
    return f"**{titles[line['row']]} on {titles[line['dataset']]} {line['note']}.**\n"
