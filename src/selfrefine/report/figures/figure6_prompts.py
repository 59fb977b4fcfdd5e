"""Figure 6: prompts, and what each variant makes of them from the same noise."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from selfrefine.core.errors import InputError
from selfrefine.report.figures.style import Strip, strips_figure

CELL = 0.84  # inches of one image: wide enough for the words above it
LINE = 0.14  # inches of a line of a prompt
WORDS = 14  # characters of such a line
MOST_LINES = 6  # of a prompt; what is longer is cut


def prompt_figure(rows: Mapping[str, np.ndarray], captions: Sequence[str], caption: str) -> Figure:
    """A row of images for each variant, above each column its prompt.

    Args:
        rows: title of a variant -> its images, (N, H, W, 3) uint8; image i of all from the same noise.
        captions: prompts of images 0 ... n-1, which are those that are drawn.
        caption: scale and seed.

    Raises:
        InputError: more prompts than images.
    """
    count = len(captions)
    fewest = min(len(images) for images in rows.values())
    if fewest < count:
        raise InputError(
            f"params.yaml: make_figures.n_images is {count}, but {fewest} images are made; allowed: at most that"
        )
    broken = [
        textwrap.fill(words, WORDS, max_lines=MOST_LINES, placeholder=" ...", break_long_words=False)
        for words in captions
    ]
    message = f"Prompts: captions of test images 0 to {count - 1}, not picked. Each column starts from the same noise."
    first = next(iter(rows))
    strips = [Strip(title, images[:count], columns=broken if title == first else ()) for title, images in rows.items()]
    above = LINE * max(words.count("\n") + 1 for words in broken) + 0.7
    return strips_figure("Images made from prompts", strips, CELL, above, f"{message} {caption}")
