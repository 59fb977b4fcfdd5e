"""Table 4 of the paper: text-to-image with and without self-refinement, and whether images show their prompts."""

import numpy as np
import pandas as pd

from selfrefine.core.names import HEADLINE, PHOTOGRAPHS, TO_TRAIN
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.prompt_agreement import AGREEMENT, DEPENDENCE, DIFFERENCE, PERMUTED
from selfrefine.report import markdown, paper_values
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, ROW, SIZES, Line, over_seeds, records, taken_differences

NONE_SELECTED = "No selected model makes images from prompts: `select.models` in params.yaml names the models.\n"
BASELINE, SELF_REFINING = "baseline", "self_refining"  # as in paper_values.csv
DISTANCES = {TO_TRAIN: "train", HEADLINE: "test"}  # the paper's FID is beside the first
METRICS = (*DISTANCES, AGREEMENT, PERMUTED, DEPENDENCE)
# Who tells -> headings of the three, factor and format of all; those of a classifier are shares.
HEADINGS = {
    "classifier": ("Own prompt's class, %", "Another prompt's class, %", "Own minus another's, %"),
    "clip": ("CLIP score", "CLIP score, another's prompt", "Own minus another's"),
}
FORMATS = {"classifier": (100.0, ".1f"), "clip": (1.0, ".2f")}
COLUMNS = [  # of table4.csv
    *("dataset", "stands_for", "model", "network", "row", "variant", "metric", "paper", "paper_difference"),
    *(*FIGURE, *SIZES, *CHANGE, "verdict", "n_images", "n_seeds", "scale", "note"),
]
READ_CLASSIFIER = (
    "- Own prompt's class: share of images that a classifier of real images, which no other part has seen, "
    "gives the class of their prompt. Another prompt's class: the same with the prompts of other images, "
    "chance; the difference of the two is 0 where images do not depend on their prompts. Real test images: "
    "what can be reached.\n"
)
READ_CLIP = (
    "- CLIP score: 100 times the cosine of CLIP's embeddings of an image and its prompt, 0 where negative. "
    "Another's prompt: the same with the prompts of other images; the difference of the two is 0 where images "
    "do not depend on their prompts. Real test images: with their own captions.\n"
)


def lines(results: Results) -> pd.DataFrame:
    """The lines of table4.csv: FD and agreement of two rows of each model, agreement of photographs.

    FD as in Table 1. `value`, `low`, `high` of an agreement: mean over seeds and its interval; of one seed, that over
    images. Its `difference` to the reference is plain. `paper_difference` is of logarithms. A verdict is given of FD
    alone.
    """
    prompts, reference = results.of("prompts"), results.judgement.reference
    models = prompts[["dataset", "model"]].drop_duplicates()
    own = [results.rows["models"][model][SELF_REFINING] for model in models["model"]]
    rows = pd.concat(
        [
            models.assign(variant=reference, row=BASELINE),
            models.assign(variant=own, row=SELF_REFINING),
            models.assign(variant=PHOTOGRAPHS, row=PHOTOGRAPHS),
        ]
    )
    distances = results.compared[results.compared["metric"].isin([TO_TRAIN, HEADLINE])]
    distances = distances.rename(columns={"row": "variant"})
    differences = taken_differences(prompts[prompts["metric"] == DIFFERENCE].assign(metric=AGREEMENT), ROW)
    agreements = over_seeds(prompts[prompts["metric"].isin(METRICS)], ROW).merge(differences, on=ROW, how="left")
    agreements = agreements.assign(verdict="", note="", scale=results.scale(agreements))
    found = [part.merge(rows, on=["dataset", "model", "variant"]) for part in (distances, agreements)]
    table = models.merge(pd.concat([part for part in found if len(part)] or found[:1]), on=["dataset", "model"])
    return _with_the_papers(table.assign(stands_for=results.stands_for(table)), results.paper)[COLUMNS]


def _with_the_papers(table: pd.DataFrame, paper: pd.DataFrame) -> pd.DataFrame:
    """The paper's FID of a row and its change to the baseline; NaN where it has none."""
    place, is_distance = table["stands_for"], table["metric"] == TO_TRAIN  # as the paper's (method 5.0)
    here = pd.Series(paper_values.published_fid(paper, table["row"], place, "table4"), table.index)
    change = np.log(here / paper_values.published_fid(paper, BASELINE, place, "table4"))
    changed = is_distance & (table["row"] != BASELINE)
    return table.assign(paper=here.where(is_distance), paper_difference=change.where(changed))


def page(table: pd.DataFrame, results: Results) -> str:
    """table4.csv as Markdown."""
    title = "# Table 4: text-to-image\n"
    if table.empty:
        return f"{title}\n{NONE_SELECTED}"
    titles = {PHOTOGRAPHS: "Real test images", **results.titles}
    parts = [title, _how_to_read(table, results.reference)]
    for heading, part in markdown.sections(table, titles):
        parts += [heading, _rows(part, titles) + markdown.few_images_words(part[part["metric"] == HEADLINE])]
        parts += markdown.notes(part.assign(title=part["variant"].map(titles)), "{title}")
    return "\n".join([*parts, markdown.verdict_words(table, results.judgement, results.reference)])


def _how_to_read(table: pd.DataFrame, reference: str) -> str:
    judges = {"classifier": READ_CLASSIFIER, "clip": READ_CLIP}
    return (
        "Image i of every row is made from the caption of test image i, from the same noise. The paper's FID is on "
        "other images and features than our FD: only the changes compare. It has no figure for what an image shows.\n\n"
        f"{markdown.fid_words(table)}"
        f"- Change: of FD in percent, else plain, against the row {reference}. Over images: 95 % interval of the "
        "paired differences, for these very models; it says nothing on another training run. A verdict is given of FD "
        "alone.\n"
    ) + "".join(words for judge, words in judges.items() if judge in set(table["network"]))


def _rows(part: pd.DataFrame, titles: dict[str, str]) -> str:
    part = part.sort_values("metric", key=lambda metrics: metrics.map(METRICS.index), kind="stable")
    formats = [FORMATS.get(network, (1.0, "#.4g")) for network in part["network"]]
    part = part.assign(factor=[factor for factor, _ in formats], style=[style for _, style in formats])
    columns: markdown.Columns = {
        "": [_heading(line) for line in records(part)],
        "Row": part["variant"].map(titles),
        "Paper: FID": [markdown.number(fid, ".3f") for fid in part["paper"]],
        "Paper: change": map(markdown.percent, part["paper_difference"]),
        "Ours": [_figure(line) for line in records(part)],
        **markdown.change_columns(part),
        "n": [f"{n:,}" for n in part["n_images"]],
    }
    return markdown.columns_table(columns)


def _heading(line: Line) -> str:
    if line["metric"] in DISTANCES:
        split, n = DISTANCES[line["metric"]], f", n {line['n_reference']:,.0f}" if line["n_reference"] > 0 else ""
        return f"{distance_name(line['network'])} to {split}{n}, `{line['network']}`"
    return HEADINGS[line["network"]][METRICS.index(line["metric"]) - len(DISTANCES)]


def _figure(line: Line) -> str:
    if line["metric"] in DISTANCES:
        return markdown.figure(line, line["style"], missing=" (no interval)")
    return markdown.scaled(line, line["factor"], line["style"])
