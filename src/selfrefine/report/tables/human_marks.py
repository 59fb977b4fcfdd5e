"""table_human_marks.csv and its page: do flaw maps show what people marked in images of others' models?"""

from collections.abc import Mapping

import pandas as pd

from selfrefine.core.names import FLAW
from selfrefine.metrics.classification import GUESSING, guesses
from selfrefine.metrics.intervals import Estimate
from selfrefine.report import markdown
from selfrefine.report.markdown import EMPTY, figure
from selfrefine.report.seed_statistics import FIGURE, records

HIGHLIGHTER = "highlighter"  # the row of how well it tells marked images from photographs
SAME, OTHER = "same domain", "another domain"
DIFFERENCE = "difference"
COLUMNS = [
    *("human_mark", "layout", "photographs", "row", "metric"),
    *(*FIGURE, *(f"{DIFFERENCE}{end}" for end in ("", "_low", "_high")), "n_images"),
]
TITLES = {
    FLAW: "Flaw map",
    "another_image": "Flaw maps of the other images",
    "gaussian_center": "Gaussian center",
    "edge": "Canny edges",
    "chance": "Chance",
}
METRICS = {"share": "Three highest cells in marks", "pixel_roc_auc": "ROC-AUC of pixels"}
COUNTED = {
    "records": "Records",
    "other_names": "Other names",
    "without_image": "No image",
    "twice": "Twice",
    "not_collected": "Nobody asked",
    "none_marked": "Nothing marked",
    "marked": "Marked",
}


def lines(
    name: str, layout: str, same_domain: bool, figures: Mapping[str, Mapping[str, Estimate]], sizes: Mapping[str, int]
) -> pd.DataFrame:
    """A line for each map and metric; `difference`: what the flaw map has more, paired over images.

    Args:
        name: row of `human_marks`.
        layout: how the set lies on the disk.
        same_domain: whether the photographs show what the marked images do.
        figures: map -> metric -> figure, of `evidence.human_marks.measure`, and that of HIGHLIGHTER.
        sizes: how many images are behind each map's.
    """
    found: list[dict[str, object]] = []
    for row, own in figures.items():
        for metric, estimate in own.items():
            if not metric.endswith(f"_{DIFFERENCE}"):
                less = own.get(f"{metric}_{DIFFERENCE}", Estimate(float("nan")))
                words = (name, layout, SAME if same_domain else OTHER, row, metric)
                numbers = (*(getattr(one, end) for one in (estimate, less) for end in FIGURE), sizes[row])
                found.append(dict(zip(COLUMNS, (*words, *numbers), strict=True)))
    return pd.DataFrame(found, columns=COLUMNS)


def page(table: pd.DataFrame, counts: pd.DataFrame) -> str:
    """The lines of one set and what became of its records, as Markdown."""
    first = records(table)[0]
    parts = [f"# Do flaw maps show what people marked in {first['human_mark']}?\n", *_doubts(table)]
    parts += [_figures(table, metric, title) for metric, title in METRICS.items()]
    parts += [_how_to_read(table), _counts(counts)]
    return "\n".join(parts)


def _doubts(table: pd.DataFrame) -> list[str]:
    """What must be said before any figure."""
    (apart,) = records(table[table["row"] == HIGHLIGHTER])
    found = []
    if apart["photographs"] == OTHER:
        found.append(
            "**The photographs are of another domain than the marked images: the highlighter may tell what is shown, "
            "not what is wrong, and these maps are no flaw maps.**\n"
        )
    if guesses(Estimate(*(apart[end] for end in FIGURE))):
        found.append(
            f"**The highlighter is not shown to tell marked images from photographs: ROC-AUC {figure(apart, '.3f')}, "
            f"where {GUESSING} is guessing. Its maps may show nothing.**\n"
        )
    return found


def _figures(table: pd.DataFrame, metric: str, title: str) -> str:
    """One line for each map."""
    part = table[table["metric"] == metric].set_index("row", drop=False)
    found = [line for line in records(part) if line["row"] in TITLES]
    less = [{end: line[name] for end, name in zip(FIGURE, COLUMNS[8:11], strict=True)} for line in found]
    columns = {
        "": [TITLES[line["row"]] for line in found],
        "Mean over images": [figure(line, ".3f") for line in found],
        "Flaw map less this": [figure(line, "+.3f") for line in less],
    }
    return f"## {title}\n\n{markdown.columns_table(columns)}"


def _how_to_read(table: pd.DataFrame) -> str:
    (apart,) = records(table[table["row"] == HIGHLIGHTER])
    (empty,) = records(table[table["metric"] == "empty"])
    return (
        "## How to read it\n\n"
        f"- {empty['n_images']} images that no highlighter learned from; [brackets]: 95 % interval over these images. "
        "One training is behind them: another seed may give other maps.\n"
        "- **The figure that counts is the flaw map less the flaw maps of the other images:** those know where flaws "
        "usually are, not where this image has its own. Where its interval holds 0, no map of a single image is shown "
        "to show its flaws, however far above chance it is.\n"
        "- Three highest cells: how much of them is marked; by chance that is the marked share of the image. Among "
        "equal cells the choice is random. ROC-AUC of pixels: how often a marked pixel has a higher value than "
        "one of its image that is not.\n"
        f"- Photographs: {apart['photographs']}. The highlighter tells them from generated images with ROC-AUC "
        f"{figure(apart, '.3f')}, on {apart['n_images']} images that it never saw. {100.0 * empty['value']:.0f} % of "
        "the maps are empty.\n"
    )


def _counts(counts: pd.DataFrame) -> str:
    """What became of the records of each part, and whether its file is the published one."""
    parts = records(counts)
    columns = {"": [line["part"] for line in parts]}
    columns |= {title: [f"{line[name]:,}" for line in parts] for name, title in COUNTED.items()}
    columns["As published"] = [line["as_published"] or EMPTY for line in parts]
    return f"## The set\n\n{markdown.columns_table(columns)}"
