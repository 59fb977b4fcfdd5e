"""Table 1 of the paper: self-refinement of every model family on the first data set (method 5.1)."""

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from selfrefine.core.names import HEADLINE
from selfrefine.report import markdown, paper_values
from selfrefine.report.paper_values import PAPER_FAMILIES
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, TRAIN, records
from selfrefine.report.tables import autoencoders

BASELINE, SELF_REFINING = "baseline", "self_refining"  # the two rows of a family, as in paper_values.csv
NOT_RUN = "not run in this experiment"
COLUMNS = [  # of table1.csv
    *("dataset", "stands_for", "model", "network", "row", "variant", "metric", "paper", "paper_error"),
    *("paper_difference", *TRAIN, *FIGURE, *SIZES, *CHANGE, "verdict", "n_images", "n_seeds", "scale", "note"),
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


def lines(results: Results) -> pd.DataFrame:
    """The lines of table1.csv: both rows of each family, in the paper's order, then models that it has not.

    A row that was not run has the paper's figures, no images, no seeds and NOT_RUN as its note. `paper_difference` is
    of logarithms of the paper's FID, as `difference` is of ours.
    """
    first, words = results.select["datasets"][0], results.rows["models"]
    place = results.rows["datasets"][first].get("stands_for", "")
    homes = {model: row["home"] for model, row in words.items() if row["home"]}
    measured = results.compared[results.compared["metric"] == HEADLINE].rename(columns={"row": "variant"})
    measured = measured[measured["dataset"] == measured["model"].map(homes)]
    printed = results.paper[(results.paper["table"] == "table1") & (results.paper["dataset"] == place)]
    published = [model for model in PAPER_FAMILIES if f"{model}/{BASELINE}" in set(printed["row"])]
    grid = [
        {"network": network, "model": model, "row": row, "variant": variant if model in words else ""}
        for network in measured["network"].unique()
        for model in dict.fromkeys([*published, *homes])
        for row, variant in (
            (BASELINE, results.judgement.reference),
            (SELF_REFINING, words.get(model, {}).get(SELF_REFINING, "")),
        )
    ]
    table = pd.DataFrame(grid).merge(measured.drop(columns="dataset"), on=["network", "model", "variant"], how="left")
    table = table.fillna({"n_images": 0, "n_seeds": 0, "verdict": "", "scale": "", "note": NOT_RUN})
    table = table.astype({"n_images": int, "n_seeds": int})
    table = table.assign(dataset=table["model"].map(homes).fillna(first), stands_for=place, metric=HEADLINE)
    return _with_the_papers(table, results.paper)[COLUMNS]


def _with_the_papers(table: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """The paper's FID of each row, what it prints behind +-, and its change to the baseline; NaN where it has none."""

    def of(row: "pd.Series[str] | str", column: str = "value") -> np.ndarray:
        wanted = pd.DataFrame({"row": table["model"] + "/" + row, "dataset": table["stands_for"], "metric": "fid"})
        return paper_values.published(paper, wanted, "table1", column=column)

    change = np.where(table["row"] == BASELINE, math.nan, np.log(of(table["row"]) / of(BASELINE)))
    return table.assign(paper=of(table["row"]), paper_error=of(table["row"], "error"), paper_difference=change)


def page(table: pd.DataFrame, results: Results) -> str:
    """table1.csv as Markdown, the autoencoders of latent families below it."""
    titles = {model: family.title for model, family in PAPER_FAMILIES.items()} | results.titles
    parts = [
        "# Table 1: model families\n",
        READ + markdown.fid_words(table),
        f"## {titles[table['dataset'].iloc[0]]}\n",
    ]
    if table["n_seeds"].max() == 1:
        parts.append(ONE_SEED)
    parts.append("".join(f"- {words}\n" for words in _families(table, titles, results)))
    for network, space in markdown.feature_spaces(table, results.judgement.primary_network):
        names, run = space["model"].map(titles), space["n_seeds"] > 0
        variants = space["variant"].map(titles).where(run, NOT_RUN)
        lead = {"": names.where(space["row"] == BASELINE, "Self-refining " + names), "Variant": variants}
        parts += [f"### Features of `{network}`\n", markdown.distances_table(space, lead)]
        parts += markdown.notes(space.assign(title=names + ": " + variants)[run], "{title}")
    parts.append(markdown.verdict_words(table, results.judgement, results.reference))
    return "\n".join(parts) + autoencoders.section(autoencoders.lines(results), results.titles)


def _families(table: pd.DataFrame, titles: dict[str, str], results: Results) -> Iterator[str]:
    """What each family is here, and in the paper."""
    for line in records(table[table["row"] == BASELINE].drop_duplicates("model", keep="last")):
        family = PAPER_FAMILIES[line["model"]] if math.isfinite(line["paper"]) else None
        here = f"{line['scale']}, {results.rows['datasets'][line['dataset']]['size']} px" if line["n_seeds"] else ""
        there = f"{family.size} px, {family.training}" if family else "none"
        yield f"{here or titles[line['model']] + ': ' + NOT_RUN}. Paper: {there}."
