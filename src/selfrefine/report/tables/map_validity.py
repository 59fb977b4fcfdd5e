"""maps.csv and its page: is the flaw map one of flaws, and does it change while the model is refined (method 11.2)."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from selfrefine.core.names import FLAW, REAL_MAP
from selfrefine.metrics.intervals import Estimate
from selfrefine.report import seed_statistics
from selfrefine.report.markdown import EMPTY, figure, markdown_table
from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Line
from selfrefine.report.tables.contrasts import FLAW_MAP

NOT_OF_FAKES = "the map does not single out generated images"
NOT_DYNAMIC = "not dynamic"
ONLY_NOISE = "no more change than that of other images"
MOST_LIKE_REALS, MOST_LIKE_FIRST = 0.9, 0.98  # r above which these are said (method 11.2)

Key = tuple[str, str, str, str]  # data set, model, row, metric
Cells = dict[Key, list[tuple[Estimate, int]]]  # the figure of each seed and its number of images

R, RELIABILITY, R_FIRST, R_FIRST_LEAST = "r", "mfam_reliability", "r_first", "r_first_least"
COLUMNS = [  # of maps.csv, also where it has no line
    *("dataset", "model", "row", "metric", "value", "low", "high", "finding", "n_images", "n_seeds", "scale"),
]
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


def lines(
    correlations: Iterable[Line],
    metrics: Iterable[Line],
    runs: Sequence[Refined],
    map_of: str,
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """The lines of maps.csv: r of each other map with the flaw map, figures of the maps, r of M_k and M_0.

    `value`, `low`, `high`: mean over seeds and its 95 % t interval; of one seed, its interval over images.

    Args:
        correlations: of evaluate_maps, all data sets, models and seeds.
        metrics: tidy metrics of evaluate_maps.
        runs: of train_refined.
        map_of: the variant whose maps are followed over the refreshes; of another map than the mFAM nothing is told.
        scale: from `tables.scales`.
    """
    cells: Cells = {}
    for key, found, n_images in [*_measured(correlations, metrics), *_followed(runs, map_of)]:
        cells.setdefault(key, []).append((found, n_images))
    places = dict.fromkeys(key[:2] for key in cells)
    alike = {
        key[:2]: fmean(found.value for found, _ in seeds)
        for key, seeds in cells.items()
        if key[2:] == (FLAW, RELIABILITY)
    }
    return [
        {
            **{"dataset": key[0], "model": key[1], "row": key[2], "metric": key[3]},
            **seed_statistics.over_runs([found for found, _ in seeds]),
            "finding": _finding(key, [found.value for found, _ in seeds], alike.get(place, math.inf)),
            **{"n_images": min(n for _, n in seeds), "n_seeds": len(seeds), "scale": scale[place]},
        }
        for place in places
        for key, seeds in cells.items()
        if key[:2] == place
    ]


def _measured(correlations: Iterable[Line], metrics: Iterable[Line]) -> Iterator[tuple[Key, Estimate, int]]:
    """r of each map with the flaw map, then the figures of the maps; each with its number of images."""
    for line in correlations:
        if FLAW in (line["one"], line["other"]):
            other = line["other"] if line["one"] == FLAW else line["one"]
            found = Estimate(line["r"], line["low"], line["high"])
            yield (line["dataset"], line["model"], other, R), found, line["n_images"]
    for line in metrics:
        found = Estimate(line["value"], line["low"], line["high"])
        yield (line["dataset"], line["model"], line["variant"], line["metric"]), found, line["n_images"]


def _followed(runs: Iterable[Refined], map_of: str) -> Iterator[tuple[Key, Estimate, int]]:
    """r of M_k and M_0 of the later refreshes of each run with the mFAM: their mean and the least."""
    for run in runs:
        later = [line[R_FIRST] for line in run.refreshes[1:]]
        if run.key[2] == map_of and run.config["map"] == FLAW_MAP and later:
            least = min(later) if all(map(math.isfinite, later)) else math.nan
            for metric, value in ((R_FIRST, fmean(later)), (R_FIRST_LEAST, least)):
                yield (*run.key, metric), Estimate(value), run.config["map_images"]


def _finding(key: Key, seeds: Sequence[float], alike: float) -> str:
    """What must be said of a line (method 11.2); "" for nothing. `alike` is r of two mFAMs of one network."""
    row, metric = key[2:]
    if (row, metric) == (REAL_MAP, R) and fmean(seeds) > MOST_LIKE_REALS:
        return NOT_OF_FAKES
    if metric == R_FIRST_LEAST and min(seeds) > MOST_LIKE_FIRST:
        return NOT_DYNAMIC
    if metric == R_FIRST and fmean(seeds) >= alike:
        return ONLY_NOISE
    return ""


def page(table: Sequence[Line], titles: Mapping[str, str]) -> str:
    """maps.csv as Markdown.

    Args:
        table: from `lines`.
        titles: of data sets, models, variants and highlighters.
    """
    if not table:
        return "# Is it a map of flaws?\n\nNo run has a map that could be looked at.\n"
    parts = ["# Is it a map of flaws?\n", _how_to_read()]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts.append(f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n")
        found = [line for line in part if line["metric"] == R]
        if found:
            parts += ["### Correlation with the flaw map\n", _correlations(found, titles)]
            parts += ["### The maps themselves\n", _figures(part, titles)]
        parts += ["### Over the refinement\n", _refreshes(part, titles)]
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


def _correlations(found: Iterable[Line], titles: Mapping[str, str]) -> str:
    rows = [(title(line["row"], titles), figure(line, "+.3f"), line["finding"] or EMPTY) for line in found]
    return markdown_table(("", "r", "Finding"), rows)


def _figures(part: Iterable[Line], titles: Mapping[str, str]) -> str:
    """One line for each map that a highlighter made."""
    rows: dict[str, dict[str, str]] = {}
    for line in part:
        if line["metric"] in FIGURES:
            _, factor, style = FIGURES[line["metric"]]
            scaled = {column: factor * line[column] for column in ("value", "low", "high")}
            rows.setdefault(line["row"], {})[line["metric"]] = figure(scaled, style)
    return markdown_table(
        ("", *(heading for heading, _, _ in FIGURES.values())),
        [(title(row, titles), *(texts.get(metric, EMPTY) for metric in FIGURES)) for row, texts in rows.items()],
    )


def _refreshes(part: Iterable[Line], titles: Mapping[str, str]) -> str:
    """How alike the maps of the refreshes are to the first one."""
    names = {R_FIRST: "mean over the refreshes", R_FIRST_LEAST: "least"}
    rows = [
        (titles.get(line["row"], line["row"]), names[line["metric"]], figure(line, ".3f"), line["finding"] or EMPTY)
        for line in part
        if line["metric"] in names
    ]
    if not rows:
        return "The map was not refreshed, or is no mFAM.\n"
    return markdown_table(("", "r of M_k and M_0", "", "Finding"), rows)


def title(row: str, titles: Mapping[str, str]) -> str:
    """A map in words."""
    return TITLES.get(row) or titles.get(row, row)
