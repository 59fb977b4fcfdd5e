"""Table 3 of the paper: self-refinement on other data sets, beside that of Table 2 (method 5.2)."""

import numpy as np
import pandas as pd

from selfrefine.core.names import HEADLINE
from selfrefine.report import markdown, paper_values
from selfrefine.report.paper_values import PAPER_DATASETS
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, TRAIN, places

# Not in paper: Table 3 leaves out the data set of Table 2; we print it, too, because it answers the same question.
SOURCES = ("table2", "table3")
ONE_DATASET = (
    "One data set is selected: whether self-refinement helps on others, too, cannot be told. `select.datasets` in "
    "params.yaml names what runs.\n"
)
READ = (
    "Each data set has a base model, a highlighter and refinements of its own. Figures, changes and intervals as "
    "in Table 2; the paper's FID and our FD do not compare, only their changes do. Its figures for "
    f"{PAPER_DATASETS['celeba_hq']} are those of its Table 2.\n"
)
COLUMNS = [  # of table3.csv
    *("dataset", "stands_for", "model", "network", "row", "metric", "paper", "paper_difference"),
    *(*TRAIN, *FIGURE, *SIZES, *CHANGE, "verdict", "n_images", "n_seeds", "scale", "note"),
]


def lines(results: Results) -> pd.DataFrame:
    """The lines of table3.csv: the reference and the paper's method on every data set.

    `paper_difference` is of logarithms of the paper's FID, as `difference` is of ours; NaN where the paper has none.
    """
    paper, reference = results.paper, results.judgement.reference
    table = results.of_mains(results.compared)
    kept = {*paper.loc[paper["table"] == "table3", "row"], reference}
    table = table[(table["metric"] == HEADLINE) & table["row"].isin(kept)]
    places, there = results.stands_for(table), results.published_fid(table, *SOURCES)
    base = paper_values.published_fid(paper, reference, places, *SOURCES)
    change = pd.Series(np.log(there / base), table.index).where(table["row"] != reference)
    return table.assign(stands_for=places, paper=there, paper_difference=change)[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table3.csv as Markdown."""
    titles, judgement = results.titles, results.judgement
    parts = ["# Table 3: other data sets\n", READ + markdown.fid_words(table)]
    if table["dataset"].nunique() == 1:
        parts.append(ONE_DATASET)
    for (model,), part in places(table, "model"):
        scales = "".join(f"- {scale}.\n" for scale in part["scale"].unique())
        parts.append(f"## {titles[model]}\n\n{scales}")
        for network, space in markdown.feature_spaces(part, judgement.primary_network):
            names, rows = space["dataset"].map(titles), space["row"].map(titles)
            stands_for = space["stands_for"].map(PAPER_DATASETS).fillna(markdown.EMPTY)
            lead: markdown.Columns = {"": names, "In the place of": stands_for, "Row": rows}
            parts += [f"### Features of `{network}`\n", markdown.distances_table(space, lead)]
            parts += markdown.notes(space.assign(title=rows + " on " + names), "{title}")
    return "\n".join([*parts, markdown.verdict_words(table, judgement, results.reference)])
