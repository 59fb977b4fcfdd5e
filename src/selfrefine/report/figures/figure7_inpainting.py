"""Figure 7: photographs, what is known of them, and what each variant makes of the rest, by kind of mask."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from selfrefine.core.errors import InputError
from selfrefine.diffusion.inpainting_masks import KNOWN
from selfrefine.report.figures.style import GREY, Strip, strips_figure

CELL = 0.62  # inches of one image
HEADING = 0.42  # inches over a block
HOLE = np.array([0.93, 0.65, 0.68])  # a colour that grey photographs do not have


@dataclass(frozen=True)
class Block:
    """Of one kind of mask: the masks, (n, H, W) uint8, and title of a variant -> its results, (n, H, W, 3) uint8."""

    masks: np.ndarray
    results: Mapping[str, np.ndarray]


def inpainting_figure(photographs: np.ndarray, blocks: Mapping[str, Block], caption: str) -> Figure:
    """One block for each kind of mask: photographs, known pixels, a row for each variant.

    Args:
        photographs: (n, H, W, 3) uint8, the first test images.
        blocks: title of a kind of mask -> what was made with it, known pixels pasted back.
        caption: scale and seed.

    Raises:
        InputError: more photographs than inpainted images.
    """
    count = len(photographs)
    fewest = min(len(block.masks) for block in blocks.values())
    if fewest < count:
        raise InputError(
            f"params.yaml: make_figures.n_images is {count}, but {fewest} images are inpainted; allowed: at most that"
        )
    strips, shown = [], photographs / 255.0
    for title, block in blocks.items():
        known = block.masks[:count, ..., None] / KNOWN
        strips += [
            Strip("Photograph", shown, GREY, columns=[str(number) for number in range(count)], block=title),
            Strip("Known pixels", known * shown + (1.0 - known) * HOLE, GREY),
            *(Strip(row, images[:count]) for row, images in block.results.items()),
        ]
    message = f"Test images 0 to {count - 1}, not picked; pink: unknown pixels. All variants get the same noise."
    above = len(blocks) * HEADING + 0.8
    return strips_figure("Inpainting", strips, CELL, above, f"{message} {caption}")
