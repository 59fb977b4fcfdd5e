"""Table 2: the processes of self-refinement, and the page that says how to read it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from selfrefine.core.errors import InputError
from selfrefine.core.names import FLOOR, FORK, HEADLINE, LOG_DIFFERENCE
from selfrefine.metrics import intervals
from selfrefine.metrics.frechet import distance_name
from selfrefine.metrics.intervals import IMAGES_PER_FEATURE
from selfrefine.report.markdown import (
    EMPTY,
    between,
    distance_to_test,
    fid_words,
    figure,
    markdown_table,
    number,
    percent,
    verdict_words,
)
from selfrefine.report.paper_values import published_fid
from selfrefine.report.seed_statistics import Cells, Judgement, Key, Line, cells, differences_by_seed, over_runs

PLATEAU = 0.10  # a baseline that gained more since the fork is still far from its end


def table2(
    metrics: Sequence[Line],
    paper: Iterable[Line],
    judgement: Judgement,
    stands_for: Mapping[str, str],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """Table 2 of the paper: what each process of self-refinement does, and what else we measure of it.

    `value`, `low`, `high`: mean over seeds and its 95 % t interval; of one seed, its interval over images. `difference`
    to the reference: of logarithms for FD, else plain; its interval is over seeds. `image_difference_*`: over images,
    the models held fixed; it never gives a verdict. `paper` is an FID and stands beside FD to test.

    Args:
        metrics: tidy metrics of evaluate_generation, all data sets, models and seeds.
        paper: paper_values.csv.
        judgement: reference, margin, minimum of seeds.
        stands_for: data set -> the paper's data set.
        scale: from `scales`.

    Raises:
        InputError: rows that do not compare, or that were compared with another reference.
    """
    table = cells(metrics)
    _check_reference(table, judgement.reference)
    verdicts = _verdicts(metrics, judgement)
    n_images = {(line["dataset"], line["variant"]): line["n_images"] for line in metrics}
    published = published_fid(paper, "table2")
    lines = []
    for key, seeds in table.items():
        if key.metric == LOG_DIFFERENCE:
            continue
        figure = published.get((key.variant, stands_for.get(key.dataset, "")), math.nan)
        lines.append(
            {
                **{"dataset": key.dataset, "model": key.model, "network": key.network},
                **{"row": key.variant, "metric": key.metric},
                "paper": figure if key.metric == HEADLINE else math.nan,
                **over_runs(list(seeds.values())),
                **_difference(table, key, judgement),
                "verdict": verdicts.get(key[:4], "") if key.metric == HEADLINE else "",
                **{
                    "n_images": n_images[key.dataset, key.variant],
                    "n_seeds": len(seeds),
                    "scale": scale[key.dataset, key.model],
                },
                "note": _note(table, key, judgement),
            }
        )
    return lines


def _check_reference(table: Cells, reference: str) -> None:
    """The paired differences over images were made by evaluate_generation, for all rows but its own reference."""
    compared = {key.variant for key in table if key.metric == LOG_DIFFERENCE}
    references = {key.variant for key in table} - compared - {FLOOR}
    if references != {reference}:
        raise InputError(
            f"params.yaml: shared.reference is {reference!r}, but the rows were compared with "
            f"{', '.join(sorted(references))}; run the stage evaluate_generation again"
        )


def _verdicts(metrics: Sequence[Line], judgement: Judgement) -> dict[tuple[str, ...], str]:
    """(data set, model, network, variant) -> its verdict against the reference, the same as in controls.csv."""
    others = {judgement.reference, FLOOR, FORK, *judgement.second_sampler.values()}
    judged = sorted({line["variant"] for line in metrics} - others)
    found = judgement.contrasts(metrics, [(variant, judgement.reference) for variant in judged])
    return {(*line.space, line.variant): line.verdict for line in found if line.reference == judgement.reference}


def paper_rows(table: Iterable[Line], paper: Iterable[Line], judgement: Judgement) -> list[Line]:
    """The lines of the reference and the paper's Table 2, also under a second sampler; of the fork and the floor."""
    kept = {line["row"] for line in paper if line["table"] == "table2"} | {judgement.reference, FORK, FLOOR}
    kept |= {row for variant, row in judgement.second_sampler.items() if variant in kept}
    return [line for line in table if line["row"] in kept]


def _difference(table: Cells, key: Key, judgement: Judgement) -> dict[str, float]:
    """The columns of the difference to the reference; empty for itself, second samplers and real images."""
    columns = ("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high")
    line = dict.fromkeys(columns, math.nan)
    if key.variant in (judgement.reference, FLOOR, *judgement.second_sampler.values()):
        return line
    differences = differences_by_seed(table, key, judgement.reference)
    line["difference"] = fmean(differences)
    line["difference_low"], line["difference_high"] = intervals.over_seeds(differences)
    if key.metric == HEADLINE:
        by_images = list(table[key._replace(metric=LOG_DIFFERENCE)].values())
        line["image_difference_low"], line["image_difference_high"] = intervals.over_images(by_images)
    return line


def _note(table: Cells, key: Key, judgement: Judgement) -> str:
    """Words on a reference that has not reached its plateau: a variant may then just be faster, not better."""
    if (key.variant, key.metric) != (judgement.reference, HEADLINE):
        return ""
    since_fork = -fmean(differences_by_seed(table, key._replace(variant=FORK), judgement.reference))
    gain = -math.expm1(since_fork)
    if gain <= PLATEAU:
        return ""
    lower = f"{distance_name(key.network)} {100.0 * gain:.0f} % lower than at the fork"
    return f"still improving: {lower}; a longer base phase is needed to judge"


OWN_ROWS = {FORK: "Base model at the fork", FLOOR: "Floor: real training images"}


# Metric -> heading, factor, format.
OTHER_METRICS = {
    "fd_train": ("{distance} to train", 1.0, "#.4g"),
    "kid_test": ("KID x 1000", 1e3, ".2f"),
    "precision": ("Precision", 1.0, ".3f"),
    "recall": ("Recall", 1.0, ".3f"),
    "nearest_in_train": ("Nearest in train, %", 100.0, ".1f"),
}


def table2_page(table: Sequence[Line], *, judgement: Judgement, primary_network: str, titles: Mapping[str, str]) -> str:
    """Table 2 as Markdown.

    Args:
        table: from `tables.table2`.
        judgement: as for the table.
        primary_network: the feature space that is shown first.
        titles: of data sets, models and variants.
    """
    titles = {**titles, **OWN_ROWS}
    parts = ["# Table 2: the processes of self-refinement\n", _how_to_read(table, judgement, titles)]
    for dataset, model in dict.fromkeys((line["dataset"], line["model"]) for line in table):
        part = [line for line in table if (line["dataset"], line["model"]) == (dataset, model)]
        parts.append(f"## {titles[model]} on {titles[dataset]}\n\n{part[0]['scale']}.\n")
        for network in sorted({line["network"] for line in part}, key=lambda name: (name != primary_network, name)):
            space = [line for line in part if line["network"] == network]
            role = "primary" if network == primary_network else "a second, independent feature space"
            parts += [f"### Features of `{network}` ({role})\n", _headline(space, titles, judgement)]
            parts += [_notes(space, titles), _others(space, titles)]
    parts.append(verdict_words({line["verdict"] for line in table}, judgement, titles[judgement.reference]))
    return "\n".join(part for part in parts if part)


def _how_to_read(table: Sequence[Line], judgement: Judgement, titles: Mapping[str, str]) -> str:
    over = "over the images of its one seed" if max(line["n_seeds"] for line in table) == 1 else "over seeds"
    again = [row for row in judgement.second_sampler.values() if row in {line["row"] for line in table}]
    second = (
        f"- {'; '.join(titles[row] for row in again)}: the same networks under a second sampler. They compare with "
        "each other alone: better and worse need the same sign there. Their changes stand in controls.md.\n"
    )
    return (
        "FD is the Fréchet distance to real test images in the feature space that the heading names; lower is better. "
        "The paper's FID is the same formula on other features (Inception), other images and another scale: the two "
        "figures do not compare, only their changes do.\n"
        f"{fid_words(table)}\n"
        f"- Change: of FD against the row {titles[judgement.reference]} of the same seed, mean over seeds.\n"
        f"- [Brackets] after a figure: its 95 % interval {over}. No interval: FD's error needs {IMAGES_PER_FEATURE} "
        "images per feature.\n"
        "- Over images: 95 % interval of the change for these very models; it says nothing on another training run.\n"
        "- Over seeds: 95 % interval of the change for new training runs; only it gives a verdict.\n"
        f"- {OWN_ROWS[FORK]}: what all rows start from. {OWN_ROWS[FLOOR]}: the least FD that can be expected.\n"
        "- KID: kernel distance to test images, the formula of that name on these features; 0 is no difference.\n"
        "- Nearest in train: share of samples whose nearest real image is a training image; 50 % is chance.\n"
    ) + (second if again else "")


def _headline(space: Iterable[Line], titles: Mapping[str, str], judgement: Judgement) -> str:
    """Paper's FID and change, our FD and change, verdict."""
    lines = [line for line in space if line["metric"] == HEADLINE]
    published = next(line["paper"] for line in lines if line["row"] == judgement.reference)
    ours = distance_to_test(lines)
    head = ("", "Paper: FID", "Paper: change", ours, "Change", "Over images", "Over seeds", "Verdict")
    rows = [
        (
            titles[line["row"]],
            number(line["paper"], ".3f"),
            percent(math.nan if line["row"] == judgement.reference else math.log(line["paper"] / published)),
            figure(line, "#.4g", missing=" (no interval)"),
            percent(line["difference"]),
            between(line["image_difference_low"], line["image_difference_high"]),
            between(line["difference_low"], line["difference_high"]),
            line["verdict"] or EMPTY,
        )
        for line in lines
    ]
    return markdown_table(head, rows)


def _others(space: Sequence[Line], titles: Mapping[str, str]) -> str:
    """The further measures, one column each."""
    distance = distance_name(space[0]["network"])
    rows: dict[str, dict[str, str]] = {}
    for line in space:
        texts = rows.setdefault(line["row"], {})
        if line["metric"] in OTHER_METRICS:
            _, factor, style = OTHER_METRICS[line["metric"]]
            scaled = {column: factor * line[column] for column in ("value", "low", "high")}
            texts[line["metric"]] = figure(scaled, style)
    head = ("", *(heading.format(distance=distance) for heading, _, _ in OTHER_METRICS.values()))
    return markdown_table(
        head, [(titles[row], *(texts.get(metric, EMPTY) for metric in OTHER_METRICS)) for row, texts in rows.items()]
    )


def _notes(space: Iterable[Line], titles: Mapping[str, str]) -> str:
    return "".join(f"**{titles[line['row']]} {line['note']}.**\n" for line in space if line["note"])
