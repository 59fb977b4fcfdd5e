"""Table 4 of the paper: text-to-image with and without self-refinement, and whether images show their prompts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from selfrefine.core.names import HEADLINE, PHOTOGRAPHS
from selfrefine.metrics import intervals, prompt_agreement
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.markdown import EMPTY, between, fid_words, figure, markdown_table, number, percent, verdict_words
from selfrefine.report.paper_values import published_fid
from selfrefine.report.seed_statistics import Judgement, Line, over_runs

NONE_SELECTED = "No selected model makes images from prompts: `select.models` in params.yaml names the models.\n"
BASELINE, SELF_REFINING = "baseline", "self_refining"  # as in paper_values.csv
METRICS = (HEADLINE, prompt_agreement.AGREEMENT, prompt_agreement.PERMUTED, prompt_agreement.DEPENDENCE)
# Who tells -> headings of the three, factor and format of all; those of a classifier are shares.
HEADINGS = {
    "classifier": ("Own prompt's class, %", "Another prompt's class, %", "Own minus another's, %"),
    "clip": ("CLIP score", "CLIP score, another's prompt", "Own minus another's"),
}
FORMATS = {"classifier": (100.0, ".1f"), "clip": (1.0, ".2f")}
DIFFERENCE = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
COLUMNS = [  # of table4.csv, also where it has no line
    *("dataset", "stands_for", "model", "network", "row", "variant", "metric", "paper", "paper_difference"),
    *("value", "low", "high", *DIFFERENCE, "verdict", "n_images", "n_seeds", "scale", "note"),
]


def lines(
    table: Iterable[Line],
    metrics: Iterable[Line],
    paper: Iterable[Line],
    judgement: Judgement,
    rows: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """The lines of table4.csv: FD and agreement of two rows of each model, agreement of photographs.

    FD as in Table 1. `value`, `low`, `high` of an agreement: mean over seeds and its interval; of one seed, that over
    images. Its `difference` to the reference is plain. `paper_difference` is of logarithms.

    Args:
        table: all models, from `families.every_model`.
        metrics: tidy metrics of evaluate_prompts, all data sets, models and seeds.
        paper: paper_values.csv.
        judgement: its reference is the baseline; a verdict is given of FD alone.
        rows: section -> row -> words about it: data sets their `stands_for`, models `self_refining`, the variant that
            stands beside the reference.
    """
    cells: dict[tuple[str, ...], dict[int, Line]] = {}
    for line in metrics:
        key = (*(line[column] for column in ("dataset", "model", "network", "variant")), line["metric"])
        cells.setdefault(key, {})[line["seed"]] = line
    published = published_fid(paper, "table4")
    distances = [line for line in table if line["metric"] == HEADLINE]
    found: list[dict[str, Any]] = []
    for dataset, model in dict.fromkeys(key[:2] for key in cells):
        place = rows["datasets"][dataset].get("stands_for", "")
        kinds = {judgement.reference: BASELINE, rows["models"][model][SELF_REFINING]: SELF_REFINING}
        here = [line for line in distances if (line["dataset"], line["model"]) == (dataset, model)]
        own = [line | _paper(published, kinds[line["row"]], place) for line in map(dict, here) if line["row"] in kinds]
        scale = own[0]["scale"] if own else ""
        own += [
            _agreement(cells, key, seeds) | {"scale": scale}
            for key, seeds in cells.items()
            if key[:2] == (dataset, model) and key[3] in (*kinds, PHOTOGRAPHS) and key[4] in METRICS
        ]
        for line in own:
            variant = line["row"]
            words = {"stands_for": place, "variant": variant, "row": kinds.get(variant, PHOTOGRAPHS)}
            found.append({column: (line | words)[column] for column in COLUMNS})
    return found


def _paper(published: Mapping[tuple[str, str], float], row: str, place: str) -> dict[str, float]:
    """The paper's FID of a row and its change to the baseline; NaN where it has none."""
    here, base = (published.get((name, place), math.nan) for name in (row, BASELINE))
    return {"paper": here, "paper_difference": math.nan if row == BASELINE else math.log(here / base)}


def _agreement(
    cells: Mapping[tuple[str, ...], Mapping[int, Line]], key: tuple[str, ...], seeds: Mapping[int, Line]
) -> dict[str, Any]:
    """A line of one agreement: over seeds, and against the reference."""
    dataset, model, network, variant, metric = key
    pairs = cells.get((*key[:4], prompt_agreement.DIFFERENCE), {}) if metric == prompt_agreement.AGREEMENT else {}
    difference: tuple[float, ...] = (math.nan,) * len(DIFFERENCE)
    if pairs:
        values = [line["value"] for line in pairs.values()]
        by_images = intervals.over_images([_estimate(line) for line in pairs.values()])
        difference = (fmean(values), *intervals.over_seeds(values), *by_images)
    return {
        **{"dataset": dataset, "model": model, "network": network, "row": variant, "metric": metric},
        **{"paper": math.nan, "paper_difference": math.nan, "verdict": "", "note": ""},
        **over_runs([_estimate(line) for line in seeds.values()]),
        **dict(zip(DIFFERENCE, difference, strict=True)),
        **{"n_images": next(iter(seeds.values()))["n_images"], "n_seeds": len(seeds)},
    }


def _estimate(line: Line) -> Estimate:
    return Estimate(line["value"], line["low"], line["high"])


def page(table: Sequence[Line], *, judgement: Judgement, titles: Mapping[str, str]) -> str:
    """table4.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models and variants.
    """
    title = "# Table 4: text-to-image\n"
    if not table:
        return f"{title}\n{NONE_SELECTED}"
    titles = {PHOTOGRAPHS: "Real test images", **titles}
    parts = [title, _how_to_read(table, titles[judgement.reference])]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts += [f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n", _rows(part, titles)]
        parts += [f"**{titles[line['variant']]} {line['note']}.**\n" for line in part if line["note"]]
    words = verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])
    return "\n".join([*parts, words])


def _how_to_read(table: Sequence[Line], reference: str) -> str:
    judges = {line["network"] for line in table}
    told = (
        "Image i of every row is made from the caption of test image i, from the same noise. The paper's FID is on "
        "other images and features than our FD: only the changes compare. It has no figure for what an image shows.\n\n"
        f"{fid_words(table)}"
        f"- Change: of FD in percent, else plain, against the row {reference}. Over images: 95 % interval of the "
        "paired differences, for these very models; it says nothing on another training run. A verdict is given of FD "
        "alone.\n"
    )
    if "classifier" in judges:
        told += (
            "- Own prompt's class: share of images that a classifier of real images, which no other part has seen, "
            "gives the class of their prompt. Another prompt's class: the same with the prompts of other images, "
            "chance; the difference of the two is 0 where images do not depend on their prompts. Real test images: "
            "what can be reached.\n"
        )
    if "clip" in judges:
        told += (
            "- CLIP score: 100 times the cosine of CLIP's embeddings of an image and its prompt, 0 where negative. "
            "Another's prompt: the same with the prompts of other images; the difference of the two is 0 where images "
            "do not depend on their prompts. Real test images: with their own captions.\n"
        )
    return told


def _rows(part: Sequence[Line], titles: Mapping[str, str]) -> str:
    head = ("", "Row", "Paper: FID", "Paper: change", "Ours", "Change", "Over images", "Over seeds", "Verdict", "n")
    found = []
    for line in sorted(part, key=lambda line: METRICS.index(line["metric"])):  # stable: networks and rows as they come
        paper = number(line["paper"], ".3f"), percent(line["paper_difference"])
        own = (*_own(line), line["verdict"] or EMPTY, f"{line['n_images']:,}")
        found.append((_heading(line), titles[line["variant"]], *paper, *own))
    return markdown_table(head, found)


def _heading(line: Line) -> str:
    if line["metric"] == HEADLINE:
        return f"{distance_name(line['network'])}, `{line['network']}`"
    return HEADINGS[line["network"]][METRICS.index(line["metric"]) - 1]


def _own(line: Line) -> tuple[str, str, str, str]:
    """Our figure, its change, and the intervals of that over images and over seeds."""
    if line["metric"] == HEADLINE:
        ends = [between(line[f"{of}_low"], line[f"{of}_high"]) for of in ("image_difference", "difference")]
        return figure(line, "#.4g", missing=" (no interval)"), percent(line["difference"]), ends[0], ends[1]
    factor, style = FORMATS[line["network"]]
    scaled = {name: factor * line[name] for name in ("value", "low", "high", *DIFFERENCE)}
    signed = [number(scaled[name], f"+{style}") for name in DIFFERENCE]
    images, seeds = (EMPTY if EMPTY in ends else " to ".join(ends) for ends in (signed[3:], signed[1:3]))
    return figure(scaled, style), signed[0], images, seeds
