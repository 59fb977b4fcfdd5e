"""Table 5 of the paper: inpainting by RePaint with and without self-refinement, by kind of mask (method 5.4)."""

import pandas as pd

from selfrefine.core.names import HEADLINE, LOG_DIFFERENCE
from selfrefine.metrics.frechet import distance_name
from selfrefine.report import markdown, paper_values
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, over_seeds, places, records, taken_differences

NONE_SELECTED = "Nothing is inpainted: `select.masks` in params.yaml names the masks, `masks` has their rows.\n"
PIXELS = {"raw": "as the network made them", "composited": "known pixels pasted back"}
# Metric -> (heading, style, its name in paper_values.csv).
METRICS = {
    HEADLINE: ("FD", "#.4g", "fid"),
    "psnr": ("PSNR, dB", ".3f", "psnr"),
    "ssim": ("SSIM", ".4f", "ssim"),
    "lpips": ("LPIPS", ".4f", "lpips"),
    "lpips_unit": ("LPIPS of [0, 1]", ".4f", ""),
}
# Name of a difference that evaluate_inpainting takes -> its metric.
DIFFERENCES = {LOG_DIFFERENCE: HEADLINE} | {f"{name}_difference": name for name in METRICS}
PLACE = ["dataset", "model", "mask", "pixels", "network", "variant", "metric"]
COLUMNS = [  # of table5.csv
    *(
        "dataset",
        "stands_for",
        "model",
        "mask",
        "pixels",
        "network",
        "row",
        "metric",
        "paper",
        *FIGURE,
        *SIZES,
        *CHANGE,
    ),
    *("verdict", "n_images", "n_seeds", "scale"),
]


def lines(results: Results) -> pd.DataFrame:
    """The lines of table5.csv.

    `value`, `low`, `high` as in Table 2. `difference` to the reference: of logarithms for FD, else plain; its interval
    is over seeds, that of `image_difference_*` over images, paired. A verdict is given of FD alone. The paper's figures
    stand at raw results, which its authors' code measures.
    """
    metrics = results.of("inpainting")
    differences = metrics[metrics["metric"].isin(DIFFERENCES)].replace({"metric": DIFFERENCES})
    verdicts = differences[differences["metric"] == HEADLINE].groupby(PLACE)["value"].agg(list)
    table = over_seeds(metrics[metrics["metric"].isin(METRICS)], PLACE)
    table = table.merge(taken_differences(differences, PLACE), on=PLACE, how="left")
    table = table.merge(verdicts.map(results.judgement.verdict).rename("verdict"), on=PLACE, how="left")
    table = table.merge(metrics.groupby(PLACE, sort=False)[SIZES].min().reset_index(), on=PLACE)
    places, names = results.stands_for(table), table["metric"].map({name: m[2] for name, m in METRICS.items()})
    wanted = pd.DataFrame({"row": table["variant"], "dataset": places, "metric": table["mask"] + "_" + names})
    paper = pd.Series(paper_values.published(results.paper, wanted, "table5"), table.index)
    table = table.assign(stands_for=places, paper=paper.where(table["pixels"] == "raw"))
    scale = results.scale(table, images=False)
    return table.rename(columns={"variant": "row"}).fillna({"verdict": ""}).assign(scale=scale)[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table5.csv as Markdown."""
    title, titles = "# Table 5: inpainting\n", results.titles
    if table.empty:
        return f"{title}\n{NONE_SELECTED}"
    message = (
        "Held-out test images with a hole, filled by RePaint; masks and noise are the same for both rows, image by "
        "image. FD is the distance of the results to these very photographs; the paper's FID is on other features and "
        "images. FD and LPIPS: lower is better; PSNR and SSIM: higher. LPIPS of [0, 1] is what the authors' code "
        "measures: half the contrast. The paper's figures stand at raw results, as its authors' code measures them.\n\n"
        "- Change: of FD in percent, else plain, against the row "
        f"{results.reference}. Over images: 95 % interval of the paired differences, for these very models; "
        "it says nothing on another training run.\n"
    )
    parts = [title, message]
    for heading, part in markdown.sections(table, titles):
        parts.append(heading.removesuffix(".\n") + f"; {part['n_images'].iloc[0]:,} images.\n")
        for (mask,), of_mask in places(part, "mask"):
            for pixels, words in PIXELS.items():
                here = of_mask[of_mask["pixels"] == pixels]
                few = markdown.few_images_words(here[here["metric"] == HEADLINE])
                parts += [f"### {titles[mask]} masks, {words}\n", _rows(here, titles) + few]
    return "\n".join([*parts, markdown.verdict_words(table, results.judgement, results.reference)])


def _rows(part: pd.DataFrame, titles: dict[str, str]) -> str:
    """Metric by metric, in each of them network by network."""
    order = part["metric"].map(list(METRICS).index).rename("order")
    spaces = part.groupby("network", sort=False).ngroup().rename("space")
    part = part.loc[pd.concat([order, spaces], axis=1).sort_values(["order", "space"], kind="stable").index]
    part = part.assign(factor=1.0, style=[METRICS[metric][1] for metric in part["metric"]])
    headings = [
        f"{distance_name(line['network'])}, `{line['network']}`"
        if line["metric"] == HEADLINE
        else METRICS[line["metric"]][0]
        for line in records(part)
    ]
    columns: markdown.Columns = {
        "": headings,
        "Row": part["row"].map(titles),
        "Paper": [markdown.number(figure, ".4f") for figure in part["paper"]],
        "Ours": [markdown.figure(line, line["style"]) for line in records(part)],
        **markdown.change_columns(part),
    }
    return markdown.columns_table(columns)
