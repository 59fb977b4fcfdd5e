"""The same tables as pages to read: Markdown with the paper's figures beside ours and the words that they need."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from selfrefine.metrics.contrasts import HEADLINE, SAMPLER_DEPENDENT
from selfrefine.metrics.frechet import FID_NETWORK, distance_name
from selfrefine.metrics.intervals import IMAGES_PER_FEATURE, NOT_ASSESSED
from selfrefine.params.job_config import FORK
from selfrefine.report.seed_statistics import FLOOR, Judgement, Line

EMPTY = "-"
OWN_ROWS = {FORK: "Base model at the fork", FLOOR: "Floor: real training images"}
# Metric -> heading, factor, format.
OTHER_METRICS = {
    "fd_train": ("{distance} to train", 1.0, "#.4g"),
    "kid_test": ("KID x 1000", 1e3, ".2f"),
    "precision": ("Precision", 1.0, ".3f"),
    "recall": ("Recall", 1.0, ".3f"),
    "nearest_in_train": ("Nearest in train, %", 100.0, ".1f"),
}
VERDICTS = {
    "better": "lower FD than the {reference}: the 95 % interval over seeds lies below 0",
    "worse": "higher FD than the {reference}: the 95 % interval over seeds lies above 0",
    "equivalent": "no change that matters: the 90 % interval over seeds lies inside +-{margin:.1f} %",
    "inconclusive": "the seeds do not tell",
    SAMPLER_DEPENDENT: "a second sampler of the same models contradicts it",
    NOT_ASSESSED: "fewer than {minimum} seeds. One seed is one training run of each row: what differs between them may "
    "be chance, however narrow the interval over images",
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


def distance_to_test(space: Sequence[Line]) -> str:
    """The heading of a column of lines of one feature space."""
    return f"{distance_name(space[0]['network'])} to test"


def fid_words(table: Iterable[Line]) -> str:
    """What the name FID says of our figures; nothing if none of them has it."""
    if FID_NETWORK not in {line["network"] for line in table}:
        return ""
    return (
        f"In the features of `{FID_NETWORK}` FD is the FID: the paper's formula and network. The paper takes it to "
        "images that were learned from, we to test images, which were not.\n"
    )


def verdict_words(given: Collection[str], judgement: Judgement, reference: str) -> str:
    """What the verdicts that occur mean; `reference` in words."""
    values = {
        "reference": reference,
        "margin": 100.0 * judgement.equivalence_margin,
        "minimum": judgement.minimum_seeds,
    }
    lines = [f"- {name}: {words.format(**values)}.\n" for name, words in VERDICTS.items() if name in given]
    return "## Verdicts\n\n" + "".join(lines) if lines else ""


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns also line up in a terminal: the first to the left, the others to the right."""
    widths = [max(3, *(len(row[column]) for row in (head, *rows))) for column in range(len(head))]

    def line(texts: Sequence[str]) -> str:
        first, *others = (text.rjust(width) for text, width in zip(texts, widths, strict=True))
        return f"| {' | '.join([first.strip().ljust(widths[0]), *others])} |\n"

    rule = line(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    return line(head) + rule + "".join(line(row) for row in rows)


def number(value: float, style: str) -> str:
    """A figure, or a dash where there is none."""
    return format(value, style).rstrip(".") if math.isfinite(value) else EMPTY


def figure(line: Line, style: str, missing: str = "") -> str:
    """Value [low, high]; `missing` in the place of an interval that is not there."""
    low, high = number(line["low"], style), number(line["high"], style)
    return number(line["value"], style) + (f" [{low}, {high}]" if math.isfinite(line["low"]) else missing)


def percent(log_ratio: float) -> str:
    """A difference of logarithms as a change in percent."""
    return f"{100.0 * math.expm1(log_ratio):+.1f} %" if math.isfinite(log_ratio) else EMPTY


def between(low: float, high: float) -> str:
    """The ends of an interval of differences of logarithms, in percent."""
    return f"{percent(low)} to {percent(high)}" if math.isfinite(low) else EMPTY
