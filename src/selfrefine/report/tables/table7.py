"""Table 7 of the paper: other maps in the place of the flaw map, as they are and with its mean and std (method 5.6)."""

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
from selfrefine.report.paper_values import published_fid
from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Judgement, Line
from selfrefine.report.tables.contrasts import FLAW_MAP, map_statistics

AS_PAPER, MATCHED = "as in the paper", "matched"
NONE_SELECTED = (
    "No other map of Table 7 is selected: `select.variants` in params.yaml names what runs, `variants` has its rows.\n"
)
COPIED = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
COLUMNS = [  # of table7.csv, also where it has no line
    *("dataset", "model", "network", "row", "form", "map_mean", "map_std", "metric", "paper", "value", "low", "high"),
    *(*COPIED, "verdict", "n_images", "n_seeds", "scale"),
]


def forms(runs: Sequence[Refined], published: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Selected variant -> (its row in the paper's Table 7, which form); {} if none has another map than the flaw map.

    Args:
        runs: of train_refined, on one data set.
        published: the paper's rows: two variants by name, the others by the name of their map.
    """
    known, found = set(published), {}
    for run in runs:
        variant, config = run.key[2], run.config
        if variant in known:
            found[variant] = (variant, AS_PAPER)
        elif config["match"] and config["map"] in known and variant == f"{config['map']}_matched":
            found[variant] = (config["map"], MATCHED)
    others = {run.key[2] for run in runs if run.config["map"] != FLAW_MAP}
    return found if others & found.keys() else {}


def lines(
    table: Iterable[Line], paper: Sequence[Line], runs: Sequence[Refined], stands_for: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The lines of table7.csv.

    Args:
        table: all variants, from `tables.table2`.
        paper: paper_values.csv.
        runs: of train_refined.
        stands_for: data set -> the paper's data set.
    """
    published, maps = published_fid(paper, "table7"), map_statistics(runs)
    kept = {
        place: forms([run for run in runs if run.key[:2] == place], [row for row, _ in published])
        for place in {run.key[:2] for run in runs}
    }
    found = []
    for line in table:
        here = kept.get((line["dataset"], line["model"]), {})
        if line["metric"] != HEADLINE or line["row"] not in here:
            continue
        row, form = here[line["row"]]
        statistics = maps[line["dataset"], line["model"], line["row"]]
        figure_there = published.get((row, stands_for.get(line["dataset"], "")), math.nan)
        found.append(
            {column: line[column] for column in ("dataset", "model", "network", "row")}
            | {"form": form, "map_mean": statistics["map_mean"], "map_std": statistics["map_std"], "metric": HEADLINE}
            | {"paper": figure_there if form == AS_PAPER else math.nan}
            | {column: line[column] for column in ("value", "low", "high", *COPIED)}
            | {column: line[column] for column in ("verdict", "n_images", "n_seeds", "scale")}
        )
    return found


def page(table: Sequence[Line], *, judgement: Judgement, titles: Mapping[str, str]) -> str:
    """table7.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models and variants.
    """
    title = "# Table 7: other maps than the flaw map\n"
    if not table:
        return f"{title}\n{NONE_SELECTED}"
    told = (
        "As in the paper, the maps differ in strength: their means stand beside them. Matched: with mean and standard "
        "deviation of the mFAM of the same refresh, so that only the place differs; the paper has none. Change and "
        "intervals as in Table 2; the paper's FID and our FD do not compare, only their changes do.\n"
    )
    parts = [title, told + fid_words(table)]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts.append(f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n")
        for network in sorted({line["network"] for line in part}, key=lambda n: (n != judgement.primary_network, n)):
            space = [line for line in part if line["network"] == network]
            parts += [f"### Features of `{network}`\n", _rows(space, judgement.reference, titles)]
    words = verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])
    return "\n".join([*parts, words])


def _rows(space: Sequence[Line], reference: str, titles: Mapping[str, str]) -> str:
    base = next((line["paper"] for line in space if line["row"] == reference), math.nan)
    head = ("", "Form", "Mean of map", "Paper: FID", "Paper: change", distance_to_test(space), "Change", "Over images")
    rows = [
        (
            titles[line["row"]],
            line["form"],
            number(line["map_mean"], ".3f"),
            number(line["paper"], ".3f"),
            percent(math.nan if line["row"] == reference else math.log(line["paper"] / base)),
            figure(line, "#.4g", missing=" (no interval)"),
            percent(line["difference"]),
            between(line["image_difference_low"], line["image_difference_high"]),
            between(line["difference_low"], line["difference_high"]),
            line["verdict"] or EMPTY,
        )
        for line in space
    ]
    return markdown_table((*head, "Over seeds", "Verdict"), rows)
