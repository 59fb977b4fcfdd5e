"""fidelity.md: the cheap maps and the authors' own beside each other, over all models (method 11.6)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from selfrefine.cost.refresh_fidelity import CANDIDATE, ENDLESS, REFERENCE, Repeated, Size
from selfrefine.report.markdown import EMPTY, markdown_table, number

Line = Mapping[str, Any]
CYCLE = 100  # steps between two refreshes that costs are told for (paper)
BATCHES = (64, 16, 8)  # batch sizes that they are told for
# Figure -> heading, format.
HEADINGS = {
    "r": ("r", ".3f"),
    ENDLESS: ("r, endless images", ".3f"),
    "r_particular": ("r, mean map taken off", ".3f"),
    "slope": ("Slope", ".3f"),
    "mean_ratio": ("Mean / mean", ".3f"),
    "std_ratio": ("Std / std", ".3f"),
    "error": ("Error", ".3f"),
}


class Row(NamedTuple):
    """A size of a refresh and its figures over all models; `spread` is that of one refresh of one model."""

    size: Size
    figures: dict[str, Repeated]


def rows(table: Iterable[Line], role: str) -> list[Row]:
    """The sizes of a role, in their order, each figure as the mean over the models.

    Args:
        table: lines of fidelity.csv.
        role: REFERENCE or CANDIDATE.
    """
    found: dict[Size, dict[str, list[Repeated]]] = {}
    for line in table:
        if line["role"] == role:
            figures = found.setdefault(Size(line["steps"], line["images"]), {})
            figure = Repeated(line["value"], line["spread"], line["repeats"])
            figures.setdefault(line["metric"], []).append(figure)
    return [
        Row(size, {metric: _over_models(each) for metric, each in figures.items()}) for size, figures in found.items()
    ]


def _over_models(figures: Sequence[Repeated]) -> Repeated:
    """The mean of values, the root of the mean square of spreads, all repeats."""
    count = len(figures)
    spread = math.sqrt(sum(figure.spread**2 for figure in figures) / count)
    return Repeated(sum(figure.value for figure in figures) / count, spread, sum(figure.repeats for figure in figures))


def authors(candidates: Iterable[Row], reference: Size) -> list[Row]:
    """The candidates with at least as many steps as the reference: the authors' setting at several batch sizes."""
    return [row for row in candidates if row.size.steps >= reference.steps]


def as_true_as(row: Row, others: Iterable[Row]) -> list[Row]:
    """Those of the others that this one is no worse than, in r and in error."""
    return [
        other
        for other in others
        if row.figures["r"].value >= other.figures["r"].value
        and row.figures["error"].value <= other.figures["error"].value
    ]


def page(table: Sequence[Line]) -> str:
    """fidelity.csv as Markdown; lines of one reference and its candidates."""
    (reference,) = rows(table, REFERENCE)
    candidates = rows(table, CANDIDATE)
    names = ("dataset", "model", "highlighter", "seed")
    models = list(dict.fromkeys(tuple(str(line[name]) for name in names) for line in table))
    return "\n".join(
        [
            "# Is the map of a cheap refresh the same map?\n",
            _how_to_read(reference, len(models)),
            _agreement(candidates, reference.size),
            f"## Cost at a refresh every {CYCLE} steps\n",
            _costs(candidates),
            "## Models\n",
            markdown_table(("Data set", "Model", "Highlighter", "Seed"), models),
        ]
    )


def _how_to_read(reference: Row, n_models: int) -> str:
    models = "model" if n_models == 1 else "models"
    return (
        "A refresh of n x S is the mean flaw map of n images of S DDIM steps. Each is compared with the mean map of "
        f"{reference.size} of the same network and highlighter, of other noise. The paper's authors take as many "
        f"images as their batch holds, of 250 steps; {reference.size.steps} steps or more stand for them. "
        f"Means over {n_models} {models} and over disjoint sets of images; after +-, the standard deviation "
        "of one refresh.\n\n"
        f"- r: over pixels. The reference is itself a mean of finitely many images: its own r with endlessly many is "
        f"{number(reference.figures['r'].value, '.3f')}.\n"
        "- r, endless images: what few steps do to the map, with the noise of few images taken out of both; after +- "
        "its standard error.\n"
        "- r, mean map taken off: the mean reference of the other models is taken from both maps, since maps of all "
        "models are alike. None of one model.\n"
        "- Slope: of the map on the reference; the noise of few images does not change it, so it tells whether the "
        "pattern has its strength. Mean and std: as parts of the reference's; the mean decides how strong both "
        "processes are.\n"
        "- Error: root mean square difference, in standard deviations of the reference; 0 is the same map. It counts "
        "noise, pattern and mean together.\n"
        "- As true as: the authors' settings that are no better, neither in r nor in error.\n"
    )


def _agreement(candidates: Sequence[Row], reference: Size) -> str:
    own = authors(candidates, reference)
    body = [
        (
            str(row.size),
            *(_text(row.figures[metric], style) for metric, (_, style) in HEADINGS.items()),
            EMPTY if row in own else ", ".join(str(other.size) for other in as_true_as(row, own)) or EMPTY,
        )
        for row in candidates
    ]
    return markdown_table(("Images x steps", *(heading for heading, _ in HEADINGS.values()), "As true as"), body)


def _text(figure: Repeated, style: str) -> str:
    spread = f" +- {number(figure.spread, style)}" if math.isfinite(figure.spread) else ""
    return number(figure.value, style) + spread


def _costs(candidates: Iterable[Row]) -> str:
    """Added time in percent of plain training, Grad-CAM left out."""
    body = [
        (
            str(row.size),
            str(row.size.evaluations),
            *(f"{100.0 * row.size.cost(CYCLE, batch):.1f} %" for batch in BATCHES),
        )
        for row in candidates
    ]
    told = "Added to plain training by the evaluations of the network alone, an update counted as three of its batch.\n"
    head = ("Images x steps", "Evaluations", *(f"at batch {batch}" for batch in BATCHES))
    return f"{told}\n{markdown_table(head, body)}"
