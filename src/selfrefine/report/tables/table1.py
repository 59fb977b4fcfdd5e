"""Table 1 of the paper: self-refinement of every model family on the first data set (method 5.1)."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from selfrefine.report.paper_values import PAPER_FAMILIES
from selfrefine.report.seed_statistics import Judgement, Line

Rows = Mapping[str, Mapping[str, Mapping[str, Any]]]  # section -> row of params.yaml -> words about it

BASELINE, SELF_REFINING = "baseline", "self_refining"  # the two rows of a family, as in paper_values.csv
NOT_RUN = "not run in this experiment"
FIGURES = ("value", "low", "high")
COPIED = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
COLUMNS = [  # of table1.csv
    *("dataset", "stands_for", "model", "network", "row", "variant", "metric", "paper", "paper_error"),
    *("paper_difference", *FIGURES, *COPIED, "verdict", "n_images", "n_seeds", "scale", "note"),
]
READ = (
    "Two rows for each model family: its base model, trained on without and with self-refinement. Figures, changes "
    "and intervals as in Table 2. The paper's FID and our FD do not compare, nor do the FDs of two families, "
    "which differ in size and cost: only the changes within a family do. +- is printed in the paper, which does not "
    "say of what. The verdict on the first family is that of Table 2, those on the others are exploratory.\n"
)
ONE_SEED = (
    "**One seed: every figure is of a single training run. Another seed may turn the sign of a change, and the order "
    "of the families says nothing.**\n"
)


def lines(
    table: Iterable[Line],
    paper: Iterable[Line],
    reference: str,
    dataset: str,
    rows: Rows,
) -> list[dict[str, Any]]:
    """The lines of table1.csv: both rows of each family, in the paper's order, then models that it has not.

    A row that was not run has the paper's figures, no images, no seeds and NOT_RUN as its note. `paper_difference` is
    of logarithms of the paper's FID, as `difference` is of ours.

    Args:
        table: all models, from `families.every_model`.
        paper: paper_values.csv.
        reference: the variant that differences are taken to; it is the baseline.
        dataset: the first of select.datasets.
        rows: section -> row -> words about it: data sets their `stands_for`, models their `home`, the data set
            that they are shown on, and `self_refining`, the variant that stands beside the reference.
    """
    place = rows["datasets"][dataset].get("stands_for", "")
    runs_on = {model: row["home"] for model, row in rows["models"].items() if row["home"]}
    printed = {
        line["row"]: line
        for line in paper
        if (line["table"], line["dataset"], line["metric"]) == ("table1", place, "fid")
    }
    measured = {
        (line["model"], line["network"], line["row"]): line
        for line in table
        if (line["dataset"], line["metric"]) == (runs_on.get(line["model"]), HEADLINE)
    }
    published = [model for model in PAPER_FAMILIES if f"{model}/{BASELINE}" in printed]
    models = dict.fromkeys([*published, *runs_on])
    found = []
    for network in dict.fromkeys(network for _, network, _ in measured):
        for model in models:
            for row, variant in _variants(model, reference, rows):
                line = measured.get((model, network, variant), {})
                found.append(
                    {"dataset": runs_on.get(model, dataset), "stands_for": place, "model": model, "network": network}
                    | {"row": row, "variant": variant, "metric": HEADLINE}
                    | _paper(printed, model, row)
                    | {column: line.get(column, math.nan) for column in (*FIGURES, *COPIED)}
                    | {column: line.get(column, 0) for column in ("n_images", "n_seeds")}
                    | {"verdict": line.get("verdict", ""), "scale": line.get("scale", "")}
                    | {"note": line["note"] if line else NOT_RUN}
                )
    return [{column: line[column] for column in COLUMNS} for line in found]


def _variants(model: str, reference: str, rows: Rows) -> tuple[tuple[str, str], ...]:
    """Each row of a family with its variant; "" for a family that is not selected."""
    if model not in rows["models"]:
        return (BASELINE, ""), (SELF_REFINING, "")
    return (BASELINE, reference), (SELF_REFINING, rows["models"][model][SELF_REFINING])


def _paper(printed: Mapping[str, Line], model: str, row: str) -> dict[str, float]:
    """The paper's FID of a row, what it prints behind +-, and its change to the baseline; NaN where it has none."""
    here, base = printed.get(f"{model}/{row}"), printed.get(f"{model}/{BASELINE}")
    if here is None or base is None:
        return dict.fromkeys(("paper", "paper_error", "paper_difference"), math.nan)
    change = math.nan if row == BASELINE else math.log(here["value"] / base["value"])
    return {"paper": here["value"], "paper_error": here["error"], "paper_difference": change}


def page(
    table: Sequence[Line],
    *,
    judgement: Judgement,
    titles: Mapping[str, str],
    rows: Rows,
) -> str:
    """table1.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models and variants.
        rows: as for `lines`; the data set also with its `size` in px.
    """
    titles = {model: family.title for model, family in PAPER_FAMILIES.items()} | dict(titles)
    parts = ["# Table 1: model families\n", READ + fid_words(table), f"## {titles[table[0]['dataset']]}\n"]
    if max(line["n_seeds"] for line in table) == 1:
        parts.append(ONE_SEED)
    parts.append("".join(f"- {words}\n" for words in _families(table, titles, rows)))
    for network in sorted({line["network"] for line in table}, key=lambda n: (n != judgement.primary_network, n)):
        space = [line for line in table if line["network"] == network]
        parts += [f"### Features of `{network}`\n", _rows(space, titles)]
        parts += [
            f"**{titles[line['model']]}: {titles[line['variant']]} {line['note']}.**\n"
            for line in space
            if line["n_seeds"] and line["note"]
        ]
    words = verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])
    return "\n".join([*parts, words])


def _families(table: Iterable[Line], titles: Mapping[str, str], rows: Rows) -> Iterator[str]:
    """What each family is here, and in the paper."""
    for model, line in {line["model"]: line for line in table if line["row"] == BASELINE}.items():
        family = PAPER_FAMILIES[model] if math.isfinite(line["paper"]) else None
        here = f"{line['scale']}, {rows['datasets'][line['dataset']]['size']} px" if line["n_seeds"] else ""
        there = f"{family.size} px, {family.training}" if family else "none"
        yield f"{here or f'{titles[model]}: {NOT_RUN}'}. Paper: {there}."


def _rows(space: Sequence[Line], titles: Mapping[str, str]) -> str:
    head = (
        "",
        "Variant",
        "Paper: FID",
        "Paper: change",
        distance_to_test(space),
        "Change",
        "Over images",
        "Over seeds",
    )
    texts = [
        (
            titles[line["model"]] if line["row"] == BASELINE else f"Self-refining {titles[line['model']]}",
            titles[line["variant"]] if line["n_seeds"] else NOT_RUN,
            _fid(line),
            percent(line["paper_difference"]),
            figure(line, "#.4g", missing=" (no interval)") if line["n_seeds"] else EMPTY,
            percent(line["difference"]),
            between(line["image_difference_low"], line["image_difference_high"]),
            between(line["difference_low"], line["difference_high"]),
            line["verdict"] or EMPTY,
        )
        for line in space
    ]
    return markdown_table((*head, "Verdict"), texts)


def _fid(line: Line) -> str:
    """The paper's figure, as it is printed there."""
    error = f" +- {line['paper_error']:.3f}" if math.isfinite(line["paper_error"]) else ""
    return number(line["paper"], ".3f") + error
