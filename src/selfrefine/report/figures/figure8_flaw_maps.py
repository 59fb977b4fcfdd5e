"""Figure 8: images, their flaw maps, and both."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from selfrefine.report.figures.style import CELL, LABEL, NARROWEST, captioned, colour_bar, draw_strip, headed

FLAW_COLOURS = "jet"  # as in the paper (method 5.7)
IMAGE_SHARE = 0.6  # of an overlay, the rest is the map (method 5.7)


def flaw_maps_figure(
    images: np.ndarray,
    maps: np.ndarray,
    caption: str,
    cells: np.ndarray | None = None,
    origin: str = "of the highlighter's test part",
) -> Figure:
    """Figure 8: generated images, their flaw maps as cells and enlarged, and both laid over each other (method 5.7).

    Args:
        images: (n, H, W, 3) uint8.
        maps: (n, S, S) in [0, 1], which the method uses: bilinear between the cells.
        caption: scale and seed.
        cells: (n, s, s) in [0, 1], all that Grad-CAM tells; None to show the maps alone.
        origin: which images.
    """
    size = maps.shape[1]
    shown, heat = _enlarged(images / 255.0, size), _heat(maps)
    rows = {"Image": shown}
    if cells is not None:
        rows[f"Flaw map, its {cells.shape[1]} x {cells.shape[2]} cells"] = _enlarged(_heat(cells), size)
    rows["Flaw map as the method uses it"] = heat
    rows["Image and map"] = IMAGE_SHARE * shown + (1.0 - IMAGE_SHARE) * heat
    width = max(NARROWEST, LABEL + len(images) * CELL)
    figure = Figure(figsize=(width, len(rows) * CELL + 0.9), layout="constrained")
    headed(figure, "Flaw maps of generated images")
    axes = list(figure.subplots(len(rows), 1))
    for ax, (title, strip) in zip(axes, rows.items(), strict=True):
        draw_strip(ax, strip, title)
    colour_bar(figure, axes, FLAW_COLOURS, (0.0, 1.0), "evidence of generation")
    message = (
        f"The first {len(images)} images {origin}, not picked; each map from 0 to 1, by Grad-CAM of the fake class."
    )
    return captioned(figure, f"{message} {caption}")


def _heat(maps: np.ndarray) -> np.ndarray:
    """Maps (n, S, S) in their colours, (n, S, S, 3)."""
    return np.asarray(mpl.colormaps[FLAW_COLOURS](maps)[..., :3])


def _enlarged(images: np.ndarray, size: int) -> np.ndarray:
    """(n, H, W, 3) to (n, size, size, 3) by nearest neighbour."""
    rows, columns = (np.arange(size) * images.shape[axis] // size for axis in (1, 2))
    return images[:, rows][:, :, columns]
