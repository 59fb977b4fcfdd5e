"""table_study.csv and its page: do people see flaws where the map does (the paper's Figure 9, method 12).

Both readings of the paper's match stand beside their chance; the figure that counts is how much better an image's own
flaw map does than those of the other images.
"""

import math
from collections.abc import Iterator

import pandas as pd

from selfrefine.core.names import FLAW
from selfrefine.report import markdown, paper_values
from selfrefine.report.markdown import EMPTY, figure, number
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import FIGURE, Line, records

NONE_YET, ALL_OUT = "no participants yet", "every participant was left out by the catch rule"
SHARE, ANY, DIFFERENCE = "share", "any_match", "difference"  # metrics of evaluate_study
CHANCE, ANOTHER, PEOPLE, PHOTOGRAPHS = "chance", "another_image", "people", "photographs"  # its rows beside maps
PAPER, MATCH = "figure9", "match"  # of paper_values.csv, which does not say which of the two it is
MAPS = {
    FLAW: "Flaw map",
    ANOTHER: "Flaw maps of the other images",
    "second": "Map of a second highlighter",
    "gaussian_center": "Gaussian center",
    "edge": "Canny edges",
    "disagreement": "The network's disagreement with itself",
    CHANCE: "Three cells at random",
}
OF_PEOPLE = {
    (PEOPLE, "alpha"): "Agreement of people, alpha (0: chance, 1: all pick alike)",
    (PEOPLE, "overlap"): "Share of cells that two people have in common",
    (PEOPLE, "test_retest"): "Share of cells that a person picks again when an image is shown again",
    (PEOPLE, "participants"): "People whose answers count",
    (PEOPLE, "excluded"): "People who were left out by the catch rule",
    (PHOTOGRAPHS, SHARE): "Photographs: share of picks in the middle's three cells",
}
METRICS = {  # heading, style
    SHARE: ("Share of cells", ".3f"),
    ANY: ("Any match", ".3f"),
    DIFFERENCE: ("Share: flaw map less it", "+.3f"),
}
NUMBERS = ("participants", "excluded")  # metrics that are no shares
COLUMNS = [
    *("study", "dataset", "model", "row", "metric", "paper", "chance", *FIGURE),
    *("n_images", "n_participants", "n_answers", "note", "scale"),
]
NONE_SELECTED = "No study runs: select.studies in params.yaml names none whose model runs.\n"
HOW_TO_READ = (
    "People pick the three cells of an image's grid that look least natural. Share: how many of a person's three cells "
    "are among the map's three highest. Any match: how often at least one is. Equal cells of a map count as guessing. "
    "The paper found 87 % with 15 people, and tells neither which of the two it is nor the number of cells; by chance "
    "alone any match is 76 % on 3 x 3 cells, 49 % on 4 x 4 and 14 % on 8 x 8. **The figure that counts is the "
    "difference to the flaw maps of the other images**, which know where flaws usually are and where people like to "
    "click, but not this image. [Brackets]: 95 % interval over people and images (method 12.3).\n"
)


def lines(results: Results) -> pd.DataFrame:
    """The lines of table_study.csv, one for each map and figure; without participants the flaw map's are empty."""
    table = results.studies.rename(columns={"variant": "row"})
    silent = table[(table["row"] == CHANCE) & (table["n_participants"] == 0)]
    if len(silent):
        table = pd.concat([silent.assign(row=FLAW, value=math.nan), table], ignore_index=True)
    guesses = table[table["row"] == CHANCE].set_index(["study", "metric"])["value"]
    wanted = pd.DataFrame({"row": table["row"], "dataset": results.stands_for(table)}).assign(metric=MATCH)
    printed = pd.Series(paper_values.published(results.paper, wanted, PAPER), table.index, dtype=float)
    pairs = list(zip(table["study"], table["metric"], strict=True))
    left_out = set(table.loc[table["metric"] == "excluded", "study"])
    empty = {study: ALL_OUT if study in left_out else NONE_YET for study in table["study"]}
    few = table["n_participants"].astype(float) == 0.0
    return table.assign(
        paper=printed.where(table["metric"].isin([SHARE, ANY])),
        chance=[float(guesses.get(pair, math.nan)) for pair in pairs],
        note=table["study"].map(empty).where(few, ""),
        scale=[_scale(line, results) for line in records(table)],
    )[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table_study.csv as Markdown."""
    parts = ["# Figure 9: do people see flaws where the map does?\n", HOW_TO_READ]
    if table.empty:
        return "\n".join([*parts, NONE_SELECTED])
    for study, part in table.groupby("study", sort=False):
        words = results.rows["studies"][str(study)]
        parts += [f"## {words['title']}\n", f"{part['scale'].iloc[0]}.\n", *_study(part)]
    return "\n".join(parts)


def _study(part: pd.DataFrame) -> Iterator[str]:
    """The tables of one study."""
    found = {(line["row"], line["metric"]): line for line in records(part)}
    if note := part["note"].iloc[0]:
        yield f"**{note.capitalize()}.** docs/study.md says how to ask some.\n"
    papers = [line for key, line in found.items() if key[0] == FLAW and math.isfinite(line["paper"])]
    rows = [
        (title, *(_cell(found.get((row, metric)), style) for metric, (_, style) in METRICS.items()))
        for row, title in MAPS.items()
        if (row, SHARE) in found
    ]
    if papers:
        rows.insert(0, ("Paper: 15 people, one of both", *[number(papers[0]["paper"], ".2f")] * 2, EMPTY))
    yield markdown.markdown_table(("Map", *(heading for heading, _ in METRICS.values())), rows)
    styles = {key: ".0f" if key[1] in NUMBERS else ".3f" for key in OF_PEOPLE}
    people = [(title, _cell(found[key], styles[key])) for key, title in OF_PEOPLE.items() if key in found]
    if people:
        yield f"\n{markdown.markdown_table(('People', 'Value'), people)}"


def _cell(line: Line | None, style: str) -> str:
    return EMPTY if line is None else figure(line, style)


def _scale(line: Line, results: Results) -> str:
    """Experiment, model, data, seed, and how many images and people."""
    model, data = results.rows["models"][line["model"]], results.rows["datasets"][line["dataset"]]
    return (
        f"Experiment {results.experiment}: {model['title']} on {data['title']}, seed {line['seed']}, "
        f"{line['n_images']} generated images, {line['n_participants']} people"
    )
