"""Table 2 of the paper: what each process of self-refinement does, and what else we measure of it."""

from collections.abc import Collection

import pandas as pd

from selfrefine.core.names import FLOOR, FORK, HEADLINE, MENDS
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import IMAGES_PER_FEATURE
from selfrefine.report import costs, markdown
from selfrefine.report.results import OWN_ROWS, Results
from selfrefine.report.seed_statistics import CHANGE, FIGURE, SIZES, TRAIN
from selfrefine.report.tables import noise_scale

COLUMNS = [  # of table2.csv
    *("dataset", "model", "network", "row", "metric", "paper", *TRAIN, *FIGURE, *SIZES, *CHANGE),
    *("verdict", "n_images", "n_seeds", *costs.COLUMNS, "scale", "note"),
]
OTHER_METRICS = {  # metric -> (heading, factor, format)
    "kid_test": ("KID x 1000", 1e3, ".2f"),
    "precision": ("Precision", 1.0, ".3f"),
    "recall": ("Recall", 1.0, ".3f"),
    "clipped_density": ("Clipped density", 1.0, ".3f"),
    "clipped_coverage": ("Clipped coverage", 1.0, ".3f"),
    "nearest_in_train": ("Nearest in train, %", 100.0, ".1f"),
}


def lines(results: Results) -> pd.DataFrame:
    """The lines of table2.csv: the reference and the paper's rows, also under a second sampler, with other scales of
    the noise or a guide; other training without a map; the fork, likewise; the floor.

    All figures are those of `seed_statistics.compared`. `paper` is an FID to images that were learned from: in lines
    of FD to test it stands beside `train_value`.
    """
    again = results.judgement.second_sampler
    printed = results.paper.loc[results.paper["table"] == "table2", "row"]
    kept = {*printed, results.judgement.reference, FORK, FLOOR}
    kept |= {row for variant, row in again.items() if variant in kept}
    runs = zip(results.runs["variant"], results.runs["leaves"], strict=True)
    kept |= {row for row, leaves in runs if (leaves["forward"], leaves["reverse"]) == ("none", "none")}
    others = {row: words for row, words in results.rows["samplings"].items() if {*MENDS} & {*words}}
    kept |= {row for row, words in others.items() if words["of"] in kept}
    table = costs.with_costs(results.of_mains(results.compared), results)
    table = table[table["row"].isin(kept)]
    paper = pd.Series(results.published_fid(table, "table2"), table.index)
    return table.assign(paper=paper.where(table["metric"] == HEADLINE))[COLUMNS]


def page(table: pd.DataFrame, results: Results) -> str:
    """table2.csv as Markdown."""
    titles, judgement = results.titles, results.judgement
    parts = ["# Table 2: the processes of self-refinement\n", _how_to_read(table, results)]
    for heading, part in markdown.sections(table, titles):
        parts += [heading, noise_scale.of_reference(results, *part[["dataset", "model"]].iloc[0])]
        for network, space in markdown.feature_spaces(part, judgement.primary_network):
            role = "primary" if network == judgement.primary_network else "a second, independent feature space"
            distances = space[space["metric"] == HEADLINE]
            names = {"": distances["row"].map(titles)}
            parts.append(f"### Features of `{network}` ({role})\n")
            parts.append(markdown.distances_table(distances, names, reference=judgement.reference))
            named = space.assign(title=space["row"].map(titles))
            rows, columns = markdown.wide(space, OTHER_METRICS, distance=distance_name(network))
            parts.append("".join(markdown.notes(named, "{title}")))
            took = costs.texts(space.drop_duplicates("row").set_index("row").loc[rows])
            parts.append(markdown.columns_table({"": [titles[row] for row in rows], **columns, **took}))
    parts.append(markdown.verdict_words(table, judgement, results.reference))
    return "\n".join(part for part in parts if part)


def _how_to_read(table: pd.DataFrame, results: Results) -> str:
    over = "over the images of its one seed" if table["n_seeds"].max() == 1 else "over seeds"
    words = (
        "FD is the Fréchet distance to real images in the feature space that the heading names, to test images and to "
        "training images, as many as stand behind n; lower is better. "
        "The paper's FID is the same formula on other features (Inception), other images and another scale: the two "
        "figures do not compare, only their changes do.\n"
        f"{markdown.fid_words(table)}\n"
        f"- Change: of FD to test against the row {results.reference} of the same seed, mean over seeds.\n"
        f"- [Brackets] after a figure: its 95 % interval {over}. No interval: FD's error needs {IMAGES_PER_FEATURE} "
        "images per feature.\n"
        "- Over images: 95 % interval of the change for these very models; it says nothing on another training run.\n"
        "- Over seeds: 95 % interval of the change for new training runs; only it gives a verdict.\n"
        f"- {OWN_ROWS[FORK]}: what all rows start from. {OWN_ROWS[FLOOR]}: the least FD that can be expected.\n"
        "- KID: kernel distance to test images, the formula of that name on these features; 0 is no difference.\n"
        "- Clipped density, clipped coverage: the share of samples that are as real images, and the share of real "
        "images that they reach; of samples of which a share p is perfect and the rest far from all, both expect p.\n"
        "- Nearest in train: share of samples whose nearest real image is a training image; 50 % is chance.\n"
        f"{costs.how_to_read(results)}"
    )
    return words + _rows_apart(set(table["row"]), results)


def _rows_apart(rows: Collection[str], results: Results) -> str:
    """On rows of the table that do not compare with the reference."""
    again, best = (
        [results.titles[row] for row in found.values() if row in rows]
        for found in (results.judgement.second_sampler, results.judgement.best_scale)
    )
    second = (
        f"- {'; '.join(again)}: the same networks under a second sampler. They compare with "
        "each other alone: better and worse must not be contradicted there. Their changes stand in controls.md.\n"
    )
    scaled = (
        f"- {'; '.join(best)}: the same networks with their predicted noise times the factor that is best for each, "
        "chosen on training photographs and other noise. They compare with each other alone. Their changes stand in "
        "controls.md.\n"
    )
    return (second if again else "") + (scaled if best else "")
