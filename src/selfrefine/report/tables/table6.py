"""Table 6 of the paper: how well highlighters tell images apart; what they may go by; whether they see planted flaws.

Methods 4, 5.7 and 11.1.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfrefine.core.names import BLACK_LEVEL, FAKE_SPLICE, FLAW, KINDS, READINGS, REAL_SPLICE
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.markdown import EMPTY, figure, markdown_table, number
from selfrefine.report.seed_statistics import Line, over_runs

COLUMNS = ("dataset", "model", "row", "metric", "paper", "value", "low", "high", "n_images", "n_seeds", "scale")
SCORES = {"accuracy": "Accuracy", "f1": "F1", "roc_auc": "ROC-AUC", "p_real_gap": "Gap of P(real)"}
SHORTCUTS = {
    "roc_auc": "ROC-AUC of the highlighter",
    "shortcut_auc_stored": "ROC-AUC of three numbers, images as stored",
    "shortcut_auc_seen": "ROC-AUC of three numbers, images as the highlighter sees them",
    "background_mass": "Share of the maps' mass on the background",
    "background_share": "Share of pixels that are background",
    "guard_correlation": "Correlation of maps with and without guard",
}
PLANTED = {
    FAKE_SPLICE: "Piece of a generated image",
    REAL_SPLICE: "Piece of a real image",
    "difference": "**Generated less real**",
    "blur": "Blurred",
    "noise": "Noise",
    "warp": "Turned",
    "other_image": "Generated, by the map of another image",
}
READ_SCORES = (
    "Real against generated images; 0.5 is guessing in accuracy and ROC-AUC. Gap: mean P(real) of real images less "
    "that of generated ones. It is 0 for a highlighter that learned nothing; one that learned from shuffled labels may "
    "be right, or wrong, in most images by a hair.\n"
)
READ_SHORTCUTS = (
    "The three numbers of an image are its share of zero pixels, its mean and its energy of high frequencies. If they "
    "do as well as the highlighter on the images that it sees, it need not see flaws. Maps that lie on the background "
    f"(grey levels up to {BLACK_LEVEL:g}) more than its share of the pixels show how black is made.\n"
)
READ_PLANTED = (
    "Patches in real test images, all kinds at the same random place. Only the difference says that flaws are seen: a "
    "piece of a generated image must be hit more often than a piece of a real one, since a seam alone gives a patch "
    "away. It must also be hit more often than by the map of another image, which knows only where maps usually point. "
    "Hits of three: share of the three highest cells of a map that the patch covers. Any hit: how often it covers one "
    "of them; high cells lie side by side, so that maps which know nothing stay below three cells at random. A map "
    "without evidence counts as guessing.\n"
)


def lines(
    metrics: Sequence[Line],
    paper: Iterable[Line],
    stands_for: Mapping[str, str],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """The lines of table6.csv: mean over seeds with its 95 % t interval; of one seed, its interval over images.

    Args:
        metrics: tidy metrics of evaluate_highlighter, all data sets, models and seeds.
        paper: paper_values.csv.
        stands_for: data set -> the paper's data set.
        scale: (data set, model) -> words on the size of the experiment.
    """
    published = {
        (line["row"], line["dataset"], line["metric"]): line["value"] for line in paper if line["table"] == "table6"
    }
    groups: dict[tuple[str, str, str, str], list[Line]] = {}
    for line in metrics:
        groups.setdefault((line["dataset"], line["model"], line["variant"], line["metric"]), []).append(line)
    found = []
    for (dataset, model, row, metric), seeds in groups.items():
        place = (model, stands_for.get(dataset, ""), metric)
        estimates = [Estimate(line["value"], line["low"], line["high"]) for line in seeds]
        values = (
            *(dataset, model, row, metric),
            published.get(place, math.nan) if row == FLAW else math.nan,
            *over_runs(estimates).values(),
            *(seeds[0]["n_images"], len(seeds), scale[dataset, model]),
        )
        found.append(dict(zip(COLUMNS, values, strict=True)))
    return found


def page(table: Sequence[Line], *, titles: Mapping[str, str]) -> str:
    """table6.csv as Markdown.

    Args:
        table: from `lines`.
        titles: of data sets, models and highlighters.
    """
    over = "over the images of its one seed" if all(line["n_seeds"] == 1 for line in table) else "over seeds"
    parts = [
        "# Table 6: the flaw highlighter\n",
        "On images that the highlighter was not trained on. The paper's figures are of other images and another "
        f"generator: no target. [Brackets]: 95 % interval {over}; a perfect score has none.\n",
    ]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        flaw = {line["metric"]: line for line in part if line["row"] == FLAW}
        parts += [f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n", _scores(part, titles)]
        parts += ["### Shortcuts: what the highlighter behind the maps may go by\n", READ_SHORTCUTS, _shortcuts(flaw)]
        parts += ["### Planted flaws: does its map find them?\n", READ_PLANTED, _planted(flaw)]
    return "\n".join(parts)


def _scores(part: Iterable[Line], titles: Mapping[str, str]) -> str:
    """One row per highlighter, under the paper's."""
    rows: dict[str, dict[str, Line]] = {}
    for line in part:
        if line["metric"] in SCORES:
            rows.setdefault(line["row"], {})[line["metric"]] = line
    texts = [
        (titles.get(row, row), *(figure(by[metric], ".3f") for metric in SCORES), str(by["accuracy"]["n_images"]))
        for row, by in rows.items()
    ]
    if any(math.isfinite(line["paper"]) for line in rows[FLAW].values()):
        texts.insert(0, ("Paper", *(number(rows[FLAW][metric]["paper"], ".3f") for metric in SCORES), EMPTY))
    return f"{READ_SCORES}\n{markdown_table(('', *SCORES.values(), 'Images'), texts)}"


def _shortcuts(flaw: Mapping[str, Line]) -> str:
    rows = [
        (title, figure(flaw[metric], ".3f"), str(flaw[metric]["n_images"]))
        for metric, title in SHORTCUTS.items()
        if metric in flaw
    ]
    return markdown_table(("", "Value", "Images"), rows)


def _planted(flaw: Mapping[str, Line]) -> str:
    """One row per kind of patch, and what blind guessing reaches."""
    rows = [
        (
            title,
            *(figure(flaw[f"hit_{reading}_{kind}"], "+.3f" if kind == "difference" else ".3f") for reading in READINGS),
            figure(flaw[f"evidence_{kind}"], ".2f") if kind in KINDS else EMPTY,
        )
        for kind, title in PLANTED.items()
    ]
    chance = [number(flaw[f"chance_{reading}"]["value"], ".3f") for reading in READINGS]
    rows.append(("Three cells at random", *chance, EMPTY))
    rows.append(("For comparison: whole generated images", EMPTY, EMPTY, figure(flaw["evidence_generated"], ".2f")))
    told = f"{flaw[f'hit_cell_{FAKE_SPLICE}']['n_images']} images of each kind.\n"
    return f"{told}\n{markdown_table(('Patch', 'Hits of three', 'Any hit', 'Maps with evidence'), rows)}"
