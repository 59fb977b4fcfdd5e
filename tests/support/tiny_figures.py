"""Images, maps and what stands on a figure, for the tests of figures."""

import numpy as np
from matplotlib.legend import Legend

CAPTION = "Experiment smoke: Garments at 16 px, DDPM, 60 base steps and 20 of refinement, seed 7."


def images(count, size=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def maps(count, size=16, seed=1):
    return np.random.default_rng(seed).random((count, size, size), dtype=np.float32)


def strip(ax):
    return np.asarray(ax.images[0].get_array())


def column_labels(ax):
    return [label.get_text() for label in ax.get_xticklabels()]


def caption_of(figure):
    return " ".join(figure.get_supxlabel().split())


def legend_words(figure):
    """Of the one legend, which may stand in a part of the figure."""
    (legend,) = figure.findobj(Legend)
    return [text.get_text() for text in legend.get_texts()]
