"""Figure 8: images, their flaw maps, and both."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from selfrefine.report.figures.style import CELL, LABEL, NARROWEST, captioned, colour_bar, draw_strip, headed

FLAW_COLOURS = "jet"  # as in the paper (method 5.7)


IMAGE_SHARE = 0.6  # of an overlay, the rest is the map (method 5.7)


def flaw_maps_figure(
    images: np.ndarray, maps: np.ndarray, caption: str, origin: str = "of the base model in the highlighter's test part"
) -> Figure:
    """Figure 8: generated images, their flaw maps, and both laid over each other (method 5.7).

    Args:
        images: (n, H, W, 3) uint8.
        maps: (n, S, S) in [0, 1].
        caption: scale and seed.
        origin: which images.
    """
    heat = mpl.colormaps[FLAW_COLOURS](maps)[..., :3]
    shown = _enlarged(images / 255.0, maps.shape[1])
    overlay = IMAGE_SHARE * shown + (1.0 - IMAGE_SHARE) * heat
    figure = Figure(figsize=(max(NARROWEST, LABEL + len(images) * CELL), 3 * CELL + 0.9), layout="constrained")
    headed(figure, "Flaw maps of generated images")
    axes = list(figure.subplots(3, 1))
    for ax, (title, strip) in zip(axes, {"Image": shown, "Flaw map": heat, "Overlay": overlay}.items(), strict=True):
        draw_strip(ax, strip, title)
    colour_bar(figure, axes, FLAW_COLOURS, (0.0, 1.0), "evidence of generation")
    message = (
        f"The first {len(images)} images {origin}, not picked; Grad-CAM of the highlighter's fake class, each map "
        f"scaled to [0, 1]; overlay {IMAGE_SHARE:g} image + {1.0 - IMAGE_SHARE:g} map."
    )
    return captioned(figure, f"{message} {caption}")


def _enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """(n, H, W, 3) to (n, size, size, 3) by nearest neighbour."""
    rows, columns = (np.arange(size) * images.shape[axis] // size for axis in (1, 2))
    return images[:, rows][:, :, columns]
