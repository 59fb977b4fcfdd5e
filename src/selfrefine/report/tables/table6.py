"""Table 6 of the paper: how well highlighters tell images apart; what they may go by; whether they see planted flaws.

Methods 4, 5.7 and 11.1.
"""

import pandas as pd

from selfrefine.core.names import BLACK_LEVEL, FAKE_SPLICE, FLAW, KINDS, READINGS, REAL_SPLICE
from selfrefine.report import markdown, paper_values
from selfrefine.report.markdown import EMPTY, figure, number
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import FIGURE, Line, over_seeds, records
from selfrefine.report.tables import planted_sizes
from selfrefine.report.tables.planted_sizes import PATCHES

COLUMNS = ["dataset", "model", "row", "metric", "paper", *FIGURE, "n_images", "n_seeds", "scale"]
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
    **{kind: PATCHES[kind] for kind in (FAKE_SPLICE, REAL_SPLICE)},
    "difference": "**Generated less real**",
    **{kind: PATCHES[kind] for kind in ("blur", "noise", "warp")},
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
    "of them; high cells lie side by side, so that maps which know nothing stay below three cells at random. Cells are "
    "ranked before the map's ReLU, which leaves nothing of an image that looks real everywhere; equal ones count as "
    "guessing. Maps with evidence: those that are not empty after it.\n"
)


def lines(results: Results) -> pd.DataFrame:
    """The lines of table6.csv: mean over seeds with its 95 % t interval; of one seed, its interval over images."""
    table = over_seeds(results.of("highlighter"), ["dataset", "model", "variant", "metric"])
    wanted = pd.DataFrame({"row": table["model"], "dataset": results.stands_for(table), "metric": table["metric"]})
    paper = pd.Series(paper_values.published(results.paper, wanted, "table6"), table.index)
    table = table.assign(paper=paper.where(table["variant"] == FLAW), scale=results.scale(table, images=False))
    return table.rename(columns={"variant": "row"})[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table6.csv as Markdown."""
    # One of the highlighters may have the name of a variant.
    titles = results.titles | {name: row["title"] for name, row in results.rows["highlighters"].items()}
    over = "over the images of its one seed" if (table["n_seeds"] == 1).all() else "over seeds"
    parts = [
        "# Table 6: the flaw highlighter\n",
        "On images that the highlighter was not trained on. The paper's figures are of other images and another "
        f"generator: no target. [Brackets]: 95 % interval {over}; a perfect score has none.\n",
    ]
    for heading, part in markdown.sections(table, titles):
        flaw: dict[str, Line] = {line["metric"]: line for line in records(part[part["row"] == FLAW])}
        parts += [heading, _scores(part, flaw, titles)]
        parts += ["### Shortcuts: what the highlighter behind the maps may go by\n", READ_SHORTCUTS, _shortcuts(flaw)]
        parts += ["### Planted flaws: does its map find them?\n", READ_PLANTED, _planted(flaw)]
        if sizes := planted_sizes.section(part):
            parts += ["### Planted flaws: of what size?\n", sizes]
    return "\n".join(parts)


def _scores(part: pd.DataFrame, flaw: dict[str, Line], titles: dict[str, str]) -> str:
    """One row per highlighter, under the paper's."""
    metrics = {metric: (heading, 1.0, ".3f") for metric, heading in SCORES.items()}
    scores = part[part["metric"].isin(SCORES)]
    rows, columns = markdown.wide(scores, metrics)
    images = scores[scores["metric"] == "accuracy"].set_index("row")["n_images"]
    columns = {"": [titles.get(row, row) for row in rows], **columns, "Images": [str(images[row]) for row in rows]}
    if scores.loc[scores["row"] == FLAW, "paper"].notna().any():
        paper = ("Paper", *(number(flaw[metric]["paper"], ".3f") for metric in SCORES), EMPTY)
        columns = {name: [first, *texts] for first, (name, texts) in zip(paper, columns.items(), strict=True)}
    return f"{READ_SCORES}\n{markdown.columns_table(columns)}"


def _shortcuts(flaw: dict[str, Line]) -> str:
    rows = [
        (title, figure(flaw[metric], ".3f"), str(flaw[metric]["n_images"]))
        for metric, title in SHORTCUTS.items()
        if metric in flaw
    ]
    return markdown.markdown_table(("", "Value", "Images"), rows)


def _planted(flaw: dict[str, Line]) -> str:
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
    count = f"{flaw[f'hit_cell_{FAKE_SPLICE}']['n_images']} images of each kind.\n"
    return f"{count}\n{markdown.markdown_table(('Patch', 'Hits of three', 'Any hit', 'Maps with evidence'), rows)}"
