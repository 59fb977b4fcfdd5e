"""Images of a set that people marked, their marks, and the flaw maps beside them."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from selfrefine.report.figures.figure8_flaw_maps import FLAW_COLOURS, IMAGE_SHARE
from selfrefine.report.figures.style import CELL, Strip, strips_figure

ABOVE = 0.9  # inches for heading and caption


def marks_figure(images: np.ndarray, marks: np.ndarray, maps: np.ndarray, caption: str) -> Figure:
    """Images, what people marked of them, their flaw maps laid over them.

    Args:
        images: (n, S, S, 3) uint8.
        marks: (n, S, S) in [0, 1].
        maps: the same, of the highlighter.
        caption: which set.
    """
    shown = images / 255.0
    heat = np.asarray(mpl.colormaps[FLAW_COLOURS](maps)[..., :3])
    strips = [
        Strip("Image", images),
        Strip("What people marked", np.repeat(marks[..., None], 3, axis=-1)),
        Strip("Flaw map over the image", IMAGE_SHARE * shown + (1.0 - IMAGE_SHARE) * heat),
    ]
    words = f"{caption}. The first {len(images)} images that test the map, not picked; each map from 0 to 1."
    return strips_figure("Flaw maps beside people's marks", strips, CELL, ABOVE, words)
