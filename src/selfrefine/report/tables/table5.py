"""Table 5 of the paper: inpainting by RePaint with and without self-refinement, by kind of mask (method 5.4)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from selfrefine.core.names import HEADLINE
from selfrefine.metrics import intervals
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.markdown import EMPTY, between, figure, markdown_table, number, percent, verdict_words
from selfrefine.report.seed_statistics import Judgement, Line, over_runs

NONE_SELECTED = "Nothing is inpainted: `select.masks` in params.yaml names the masks, `masks` has their rows.\n"
PIXELS = {"raw": "as the network made them", "composited": "known pixels pasted back"}
# Metric -> (heading, style, whether higher is better, its name in paper_values.csv).
METRICS = {
    HEADLINE: ("FD", "#.4g", False, "fid"),
    "psnr": ("PSNR, dB", ".3f", True, "psnr"),
    "ssim": ("SSIM", ".4f", True, "ssim"),
    "lpips": ("LPIPS", ".4f", False, "lpips"),
    "lpips_unit": ("LPIPS of [0, 1]", ".4f", False, ""),
}
DIFFERENCES = {HEADLINE: "fd_test_log_difference"} | {name: f"{name}_difference" for name in list(METRICS)[1:]}
PLACE = ("dataset", "model", "mask", "pixels", "network", "variant")
COLUMNS = [  # of table5.csv, also where it has no line
    *("dataset", "stands_for", "model", "mask", "pixels", "network", "row", "metric", "paper", "value", "low", "high"),
    *("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high"),
    *("verdict", "n_images", "n_seeds", "scale"),
]


def lines(
    metrics: Iterable[Line],
    paper: Iterable[Line],
    judgement: Judgement,
    stands_for: Mapping[str, str],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """The lines of table5.csv.

    `value`, `low`, `high` as in Table 2. `difference` to the reference: of logarithms for FD, else plain; its interval
    is over seeds, that of `image_difference_*` over images, paired. The paper's figures stand at raw results, which its
    authors' code measures.

    Args:
        metrics: tidy metrics of evaluate_inpainting, all data sets, models and seeds.
        paper: paper_values.csv.
        judgement: reference, margin, minimum of seeds; a verdict is given of FD alone.
        stands_for: data set -> the paper's data set.
        scale: (data set, model) -> words, from `tables.scales`.
    """
    published = {(x["row"], x["dataset"], x["metric"]): x["value"] for x in paper if x["table"] == "table5"}
    cells: dict[tuple[str, ...], dict[int, Line]] = {}
    for line in metrics:
        key = (*(line[column] for column in PLACE), line["metric"])
        cells.setdefault(key, {})[line["seed"]] = line
    found = []
    for (*place, metric), seeds in cells.items():
        if metric not in METRICS:
            continue
        dataset, model, mask, pixels, network, row = place
        name = (row, stands_for.get(dataset, ""), f"{mask}_{METRICS[metric][3]}")
        found.append(
            {"dataset": dataset, "stands_for": stands_for.get(dataset, ""), "model": model, "mask": mask}
            | {"pixels": pixels, "network": network, "row": row, "metric": metric}
            | {"paper": published.get(name, math.nan) if pixels == "raw" else math.nan}
            | over_runs([_estimate(line) for line in seeds.values()])
            | _difference(list(cells.get((*place, DIFFERENCES[metric]), {}).values()), metric, judgement)
            | {"n_images": next(iter(seeds.values()))["n_images"], "n_seeds": len(seeds)}
            | {"scale": scale[dataset, model]}
        )
    return found


def _estimate(line: Line) -> Estimate:
    return Estimate(line["value"], line["low"], line["high"])


def _difference(seeds: Sequence[Line], metric: str, judgement: Judgement) -> dict[str, Any]:
    """The columns of the difference to the reference; empty for itself."""
    columns = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
    if not seeds:
        return dict.fromkeys(columns, math.nan) | {"verdict": ""}
    values = [line["value"] for line in seeds]
    verdict = intervals.verdict(values, margin=judgement.equivalence_margin, minimum_seeds=judgement.minimum_seeds)
    found = (fmean(values), *intervals.over_seeds(values), *intervals.over_images([_estimate(line) for line in seeds]))
    return dict(zip(columns, found, strict=True)) | {"verdict": verdict if metric == HEADLINE else ""}


def page(table: Sequence[Line], *, judgement: Judgement, titles: Mapping[str, str]) -> str:
    """table5.csv as Markdown.

    Args:
        table: from `lines`.
        judgement: as for Table 2.
        titles: of data sets, models, variants and masks.
    """
    title = "# Table 5: inpainting\n"
    if not table:
        return f"{title}\n{NONE_SELECTED}"
    told = (
        "Held-out test images with a hole, filled by RePaint; masks and noise are the same for both rows, image by "
        "image. FD is the distance of the results to these very photographs; the paper's FID is on other features and "
        "images. FD and LPIPS: lower is better; PSNR and SSIM: higher. LPIPS of [0, 1] is what the authors' code "
        "measures: half the contrast. The paper's figures stand at raw results, as its authors' code measures them.\n\n"
        "- Change: of FD in percent, else plain, against the row "
        f"{titles[judgement.reference]}. Over images: 95 % interval of the paired differences, for these very models; "
        "it says nothing on another training run.\n"
    )
    parts = [title, told]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts.append(
            f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}; {part[0]['n_images']:,} images.\n"
        )
        for mask in dict.fromkeys(line["mask"] for line in part):
            for pixels, words in PIXELS.items():
                here = [line for line in part if (line["mask"], line["pixels"]) == (mask, pixels)]
                parts += [f"### {titles[mask]} masks, {words}\n", _rows(here, titles)]
    words = verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference])
    return "\n".join([*parts, words])


def _rows(part: Sequence[Line], titles: Mapping[str, str]) -> str:
    head = ("", "Row", "Paper", "Ours", "Change", "Over images", "Over seeds", "Verdict")
    rows: list[tuple[str, ...]] = []
    for metric, network in dict.fromkeys((line["metric"], line["network"]) for line in _ordered(part)):
        heading, style, _, _ = METRICS[metric]
        of_network = f"{distance_name(network)}, `{network}`" if metric == HEADLINE else heading
        rows += [
            (of_network, titles[line["row"]], number(line["paper"], ".4f"), *_own(line, style))
            for line in part
            if (line["metric"], line["network"]) == (metric, network)
        ]
    return markdown_table(head, rows)


def _ordered(part: Sequence[Line]) -> list[Line]:
    return sorted(part, key=lambda line: list(METRICS).index(line["metric"]))


def _own(line: Line, style: str) -> tuple[str, ...]:
    """Our figure, its change and what is known of that."""
    if line["metric"] == HEADLINE:
        change = percent(line["difference"])
        images = between(line["image_difference_low"], line["image_difference_high"])
        seeds = between(line["difference_low"], line["difference_high"])
    else:
        change, images, seeds = (
            _plain(line["difference"], style),
            _ends(line["image_difference_low"], line["image_difference_high"], style),
            _ends(line["difference_low"], line["difference_high"], style),
        )
    return figure(line, style), change, images, seeds, line["verdict"] or EMPTY


def _plain(difference: float, style: str) -> str:
    return number(difference, f"+{style}")


def _ends(low: float, high: float, style: str) -> str:
    return f"{_plain(low, style)} to {_plain(high, style)}" if math.isfinite(low) else EMPTY
