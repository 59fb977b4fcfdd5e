"""maps.csv and its page: is the flaw map one of flaws, and does it change while the model is refined (method 11.2)."""

from collections.abc import Iterable

import pandas as pd

from selfrefine.core.names import FLAW, REAL_MAP
from selfrefine.report import markdown
from selfrefine.report.markdown import EMPTY, figure
from selfrefine.report.results import FLAW_MAP, R, Results
from selfrefine.report.seed_statistics import FIGURE, over_seeds, records

NOT_OF_FAKES = "the map does not single out generated images"
NOT_DYNAMIC = "not dynamic"
ONLY_NOISE = "no more change than that of other images"
MOST_LIKE_REALS, MOST_LIKE_FIRST = 0.9, 0.98  # r above which these are said (method 11.2)

RELIABILITY, R_FIRST, R_FIRST_LEAST = "mfam_reliability", "r_first", "r_first_least"
ROW = ["dataset", "model", "row", "metric"]
COLUMNS = [*ROW, *FIGURE, "finding", "n_images", "n_seeds", "scale"]  # of maps.csv
TITLES = {
    FLAW: "Flaw map",
    REAL_MAP: "Same highlighter, real images",
    "second": "Second highlighter",
    "label_shuffled": "Highlighter of shuffled labels",
    "unguarded": "Highlighter without guard",
    "moment_gap": "Gap of moments",
    "edge": "Canny edges",
    "gaussian_center": "Gaussian center",
}
# Figure of a mean map -> heading, factor, format.
FIGURES = {
    "map_mean": ("Mean", 1.0, ".3f"),
    "map_std": ("Std", 1.0, ".3f"),
    "std_over_mean": ("Std / mean", 1.0, ".2f"),
    "r2_single": ("R² for single maps", 1.0, ".2f"),
    "zero_share": ("Empty, %", 100.0, ".1f"),
    RELIABILITY: ("r of two mFAMs", 1.0, ".3f"),
}


REFRESHES = {R_FIRST: "mean over the refreshes", R_FIRST_LEAST: "least"}


def lines(results: Results) -> pd.DataFrame:
    """The lines of maps.csv: r of each other map with the flaw map, figures of the maps, r of M_k and M_0.

    `value`, `low`, `high`: mean over seeds and its 95 % t interval; of one seed, its interval over images.
    """
    stages = [results.of("correlations"), results.of("maps"), _followed(results)]
    metrics = pd.concat([part for part in stages if len(part)] or stages[:1]).rename(columns={"variant": "row"})
    places = metrics[["dataset", "model"]].drop_duplicates()
    table = places.merge(over_seeds(metrics, ROW), on=["dataset", "model"])
    least = metrics.groupby(ROW, sort=False)["value"].min(skipna=False).rename("least")
    table = table.merge(least, on=ROW)
    return table.assign(finding=_findings(table), scale=results.scale(table, images=False))[COLUMNS]


def _followed(results: Results) -> pd.DataFrame:
    """r of M_k and M_0 of the later refreshes of each run of `map_of` with the mFAM: their mean and the least."""
    runs = results.runs[(results.runs["variant"] == results.map_of) & (results.runs["n_maps"] > 1)]
    runs = runs.assign(n_images=[leaves["map_images"] for leaves in runs["leaves"]])[runs["map"] == FLAW_MAP]
    names = ["dataset", "model", "variant", "seed", "n_images"]
    found = runs.melt(names, [R_FIRST, R_FIRST_LEAST], "metric", "value", ignore_index=False)
    return found.sort_index(kind="stable").assign(low=float("nan"), high=float("nan"))


def _findings(table: pd.DataFrame) -> "pd.Series[str]":
    """What must be said of each line (method 11.2); "" for nothing."""
    is_noise = table[(table["row"] == FLAW) & (table["metric"] == RELIABILITY)].set_index(["dataset", "model"])["value"]
    alike = pd.Series(list(zip(table["dataset"], table["model"], strict=True)), table.index).map(is_noise)
    metric, value = table["metric"], table["value"]
    finding = pd.Series("", table.index)
    finding[(metric == R) & (table["row"] == REAL_MAP) & (value > MOST_LIKE_REALS)] = NOT_OF_FAKES
    finding[(metric == R_FIRST_LEAST) & (table["least"] > MOST_LIKE_FIRST)] = NOT_DYNAMIC
    finding[(metric == R_FIRST) & (value >= alike)] = ONLY_NOISE
    return finding


def page(table: pd.DataFrame, results: Results) -> str:
    """maps.csv as Markdown."""
    if table.empty:
        return "# Is it a map of flaws?\n\nNo run has a map that could be looked at.\n"
    parts, titles = ["# Is it a map of flaws?\n", _how_to_read()], results.titles
    for heading, part in markdown.sections(table, titles):
        parts.append(heading)
        if (part["metric"] == R).any():
            parts += ["### Correlation with the flaw map\n", _correlations(part[part["metric"] == R], titles)]
            parts += ["### The maps themselves\n", _figures(part[part["metric"].isin(FIGURES)], titles)]
        parts += ["### Over the refinement\n", _refreshes(part[part["metric"].isin(REFRESHES)], titles)]
    return "\n".join(parts)


def _how_to_read() -> str:
    return (
        "All maps are of the base model before any refinement: means over generated images that no highlighter has "
        "seen, and over as many real ones.\n\n"
        "- r: Pearson's correlation over pixels, as infinitely many images would have it: the noise of finitely many "
        "pulls it towards 0 and is taken out. [Brackets]: 95 % interval over seeds, of one seed over images (a "
        "jackknife; an interval over pixels would be wrong, since neighbouring pixels err together). Of the gap of "
        "moments it is too narrow where that gap is no larger than the noise of the images.\n"
        f"- A map of real images by the same highlighter with r above {MOST_LIKE_REALS:g}: {NOT_OF_FAKES}. A second "
        "highlighter learns the same task: where its map has a low r, the map shows this one highlighter, not flaws. "
        "One of shuffled labels has nothing to find.\n"
        "- Std / mean: how much place there is in the map beside its strength. R²: the share of a single image's map "
        "that the mean of the others explains. Empty: images in which the highlighter finds no evidence at all.\n"
        "- r of two mFAMs: of other images of one and the same network, as many as the refinement uses; "
        "r of M_k and M_0 is lower only where the model has changed.\n"
    )


def _correlations(found: pd.DataFrame, titles: dict[str, str]) -> str:
    figures = [figure(line, "+.3f") for line in records(found)]
    return markdown.columns_table({"": _names(found["row"], titles), "r": figures, "Finding": _said(found)})


def _figures(part: pd.DataFrame, titles: dict[str, str]) -> str:
    """One line for each map that a highlighter made."""
    rows, columns = markdown.wide(part, FIGURES)
    return markdown.columns_table({"": _names(rows, titles), **columns})


def _refreshes(part: pd.DataFrame, titles: dict[str, str]) -> str:
    """How alike the maps of the refreshes are to the first one."""
    if part.empty:
        return "The map was not refreshed, or is no mFAM.\n"
    names = [titles.get(row, row) for row in part["row"]]
    figures = [figure(line, ".3f") for line in records(part)]
    rows = zip(names, part["metric"].map(REFRESHES), figures, _said(part), strict=True)
    return markdown.markdown_table(("", "r of M_k and M_0", "", "Finding"), list(rows))


def _names(rows: Iterable[str], titles: dict[str, str]) -> list[str]:
    """Maps in words."""
    return [TITLES.get(row) or titles.get(row, row) for row in rows]


def _said(part: pd.DataFrame) -> list[str]:
    return [finding or EMPTY for finding in part["finding"]]
