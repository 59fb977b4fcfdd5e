"""Figures 4 and 5: samples of variants, with what refinement changes in them, and of every model family."""

import math
from collections.abc import Iterable, Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from selfrefine.core.errors import InputError
from selfrefine.report.figures.style import COLOURS, GREY, Strip, strips_figure

PHOTOGRAPHS = "Photographs"  # title of the row of real test images
SAME_NOISE = "Each column starts from the same noise."
CELL = 0.62  # inches of one image
SMALL_CELL = 0.4  # likewise, of everything
DIFFERENCES = "RdBu_r"  # colours
WITHIN = 0.99  # share of the differences of a figure that its colours tell apart
GAP = 0.1  # inches under the photographs
HEADING = 0.5  # inches over a block
Rows = Mapping[str, np.ndarray]  # title of a row -> its images, (n, H, W, 3) uint8


def processes_figure(rows: Rows, reference: str, title: str, caption: str) -> Figure:
    """Figure 4: photographs, the reference's samples, then those of each other variant over their differences to it.

    Args:
        rows: title of a row -> its images, (n, H, W, 3) uint8; the columns share their noise. PHOTOGRAPHS holds the
            first test images, it may be missing; `reference` is one of the rows.
        reference: whose samples are subtracted.
        title: of the data set.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    count = _count({title: rows})
    found = _differences(rows, reference)
    highest = _highest([found])
    strips = []
    for row, images in rows.items():
        strips.append(Strip(row, images, GREY if row == PHOTOGRAPHS else COLOURS[0]))
        if row in found:
            strips.append(Strip(f"less {reference}", coloured(found[row], highest), GREY, gap=GAP))
        elif len(rows) > 1:
            strips[-1] = strips[-1]._replace(gap=GAP)
    strips[0] = strips[0]._replace(columns=_numbers(count), block=title)
    message = f"{_shown({title: rows}, count, SAME_NOISE)} {_scale(highest)}"
    return strips_figure(
        "Samples and what refinement changes in them", strips, CELL, HEADING + 0.8, f"{message} {caption}"
    )


def samples_figure(blocks: Mapping[str, Rows], reference: str, caption: str) -> Figure:
    """Figure 4 of everything: one block for each data set, a row for each variant: samples, then their differences.

    Args:
        blocks: title of a data set -> rows as for `processes_figure`; H and W may differ between data sets.
        reference: whose samples are subtracted from the other ones of its block; a block may lack it.
        caption: scale and seed.

    Raises:
        InputError: rows of different n.
    """
    count = _count(blocks)
    found = {block: _differences(rows, reference) for block, rows in blocks.items()}
    highest = _highest(found.values())
    strips = []
    for block, rows in blocks.items():
        for number, (row, images) in enumerate(rows.items()):
            nothing = np.ones((1, *images.shape[1:]))
            there = row in found[block]
            changes = coloured(found[block][row], highest) if there else np.repeat(nothing, count, axis=0)
            own = Strip(
                row, np.concatenate([images / 255.0, nothing, changes]), GREY if row == PHOTOGRAPHS else COLOURS[0]
            )
            if number == 0:
                own = own._replace(
                    columns=[*_numbers(count), "", *(_numbers(count) if found[block] else [])], block=block
                )
            strips.append(own._replace(gap=GAP if row == PHOTOGRAPHS and len(rows) > 1 else 0.0))
    message = f"{_shown(blocks, count, SAME_NOISE)} Right: less {reference}. {_scale(highest)}"
    above = len(blocks) * HEADING + 0.8
    return strips_figure("Samples of every variant", strips, SMALL_CELL, above, f"{message} {caption}")


def _differences(rows: Rows, reference: str) -> dict[str, np.ndarray]:
    """Grey levels by which each row is brighter than the reference, mean over channels, (n, H, W); {} without it."""
    if reference not in rows:
        return {}
    plain = rows[reference].astype(np.float64)
    others = {row: images for row, images in rows.items() if row not in (PHOTOGRAPHS, reference)}
    return {row: (images - plain).mean(axis=3) for row, images in others.items()}


def _highest(found: Iterable[Mapping[str, np.ndarray]]) -> float:
    """Grey levels that the colours of all differences of a figure end at: few of them are greater."""
    sizes = [np.abs(values).ravel() for rows in found for values in rows.values()]
    return max(1.0, math.ceil(np.quantile(np.concatenate(sizes), WITHIN))) if sizes else 1.0


def coloured(differences: np.ndarray, highest: float) -> np.ndarray:
    """Differences (n, H, W) from blue at -highest over white to red at +highest: (n, H, W, 3) in [0, 1]."""
    return np.asarray(mpl.colormaps[DIFFERENCES](0.5 + 0.5 * differences / highest)[..., :3])


def _scale(highest: float) -> str:
    return f"Red: brighter, blue: darker, full colour at {highest:.0f} of 255 grey levels."


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def families_figure(blocks: Mapping[str, Rows], caption: str) -> Figure:
    """Figure 5: photographs of the first data set, then a block for each model family, trained on it.

    Args:
        blocks: title of the data set -> PHOTOGRAPHS -> images, then title of each family -> titles of its two variants
            -> images, as for `samples_figure`.
        caption: experiment and seed.

    Raises:
        InputError: rows of different n.
    """
    count = _count(blocks)
    strips = [
        Strip(
            title,
            images,
            GREY if title == PHOTOGRAPHS else COLOURS[0],
            columns=_numbers(count) if number == 0 else (),
            block=block if number == 0 else "",
        )
        for block, rows in blocks.items()
        for number, (title, images) in enumerate(rows.items())
    ]
    message = _shown(blocks, count, "Each column of a family starts from the same noise.")
    above = len(blocks) * HEADING + 0.8
    return strips_figure("Samples of every model family", strips, CELL, above, f"{message} {caption}")


def _count(blocks: Mapping[str, Rows]) -> int:
    """How many images all rows have."""
    counts = {len(images) for rows in blocks.values() for images in rows.values()}
    if len(counts) != 1:
        raise InputError(
            f"params.yaml: make_figures.n_images asks for more images than all rows have: "
            f"{' and '.join(map(str, sorted(counts)))}; allowed: at most {min(counts)}"
        )
    return counts.pop()


def _shown(blocks: Mapping[str, Rows], count: int, columns: str) -> str:
    words = f"Images 0 to {count - 1}, not picked. {columns}"
    if any(PHOTOGRAPHS in rows for rows in blocks.values()):
        words += " Samples belong to no photograph."
    return words
