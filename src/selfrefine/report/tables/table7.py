"""Table 7 of the paper: other maps in the place of the flaw map, as they are and with its mean and std (method 5.6)."""

import numpy as np
import pandas as pd

from selfrefine.core.names import HEADLINE
from selfrefine.report import markdown
from selfrefine.report.results import FLAW_MAP, Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, TRAIN
from selfrefine.report.tables.contrasts import map_statistics

AS_PAPER, MATCHED = "as in the paper", "matched"
NONE_SELECTED = (
    "No other map of Table 7 is selected: `select.variants` in params.yaml names what runs, `variants` has its rows.\n"
)
READ = (
    "As in the paper, the maps differ in strength: their means stand beside them. Matched: with mean and standard "
    "deviation of the mFAM of the same refresh, so that only the place differs; the paper has none. Change and "
    "intervals as in Table 2; the paper's FID and our FD do not compare, only their changes do.\n"
)
COLUMNS = [  # of table7.csv
    *(
        "dataset",
        "model",
        "network",
        "row",
        "form",
        "map_mean",
        "map_std",
        "metric",
        "paper",
        *TRAIN,
        *FIGURE,
        *SIZES,
        *CHANGE,
    ),
    *("verdict", "n_images", "n_seeds", "scale"),
]


def forms(maps: pd.DataFrame, published: set[str]) -> pd.DataFrame:
    """Each variant of the paper's Table 7 on each data set that has another map than the flaw map.

    Args:
        maps: from `contrasts.map_statistics`.
        published: the paper's rows: two variants by name, the others by the name of their map.

    Returns:
        `maps` with `paper_row`, its row in the paper's Table 7, and `form`.
    """
    as_paper, is_matched = maps["row"].isin(published), [bool(leaves["match"]) for leaves in maps["leaves"]]
    matched = maps["map"].isin(published) & (maps["row"] == maps["map"] + "_matched") & np.array(is_matched, bool)
    form = pd.Series(AS_PAPER, maps.index).where(as_paper, MATCHED)
    found = maps.assign(paper_row=maps["row"].where(as_paper, maps["map"]), form=form)[as_paper | matched]
    others = found.loc[found["map"] != FLAW_MAP, ["dataset", "model"]].drop_duplicates()
    return found.merge(others, on=["dataset", "model"])


def lines(results: Results) -> pd.DataFrame:
    """The lines of table7.csv."""
    printed = results.paper.loc[results.paper["table"] == "table7", "row"]
    maps = forms(map_statistics(results.of_mains(results.runs)), {*printed})
    table = results.compared[results.compared["metric"] == HEADLINE]
    table = table.merge(maps, on=["dataset", "model", "row"])
    paper = pd.Series(results.published_fid(table.assign(row=table["paper_row"]), "table7"), table.index)
    return table.assign(paper=paper.where(table["form"] == AS_PAPER))[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table7.csv as Markdown."""
    title, titles, judgement = "# Table 7: other maps than the flaw map\n", results.titles, results.judgement
    if table.empty:
        return f"{title}\n{NONE_SELECTED}"
    parts = [title, READ + markdown.fid_words(table)]
    for heading, part in markdown.sections(table, titles):
        parts.append(heading)
        for network, space in markdown.feature_spaces(part, judgement.primary_network):
            means = [markdown.number(mean, ".3f") for mean in space["map_mean"]]
            lead: markdown.Columns = {"": space["row"].map(titles), "Form": space["form"], "Mean of map": means}
            rows = markdown.distances_table(space, lead, reference=judgement.reference)
            parts += [f"### Features of `{network}`\n", rows]
    return "\n".join([*parts, markdown.verdict_words(table, judgement, results.reference)])
