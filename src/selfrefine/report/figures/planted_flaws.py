"""Planted flaws drawn: the images, where the patch lies, and where the flaw map points (method 5.7)."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from selfrefine.report.figures import figure8_flaw_maps, style

OUTLINE = "#ffffff"
UNDER = "#000000"  # below the outline, so that it is seen on bright places, too


def planted_flaws_figure(images: np.ndarray, cells: np.ndarray, masks: np.ndarray, caption: str) -> Figure:
    """Real test images with a patch of a generated one, and their flaw maps.

    Args:
        images: (n, H, W, 3) uint8.
        cells: (n, s, s) in [0, 1], the cells of their flaw maps.
        masks: (n, H, W) in [0, 1], the patches.
        caption: scale and seed.
    """
    count, width = len(images), max(style.NARROWEST, style.LABEL + len(images) * style.CELL)
    figure = Figure(figsize=(width, 2 * style.CELL + 1.1), layout="constrained")
    style.headed(figure, "Planted flaws: pieces of generated images in real ones")
    axes = figure.subplots(2, count, squeeze=False)
    sides = images.shape[2], images.shape[1]
    extent = (0.0, float(sides[0]), float(sides[1]), 0.0)  # both in the pixels of the image
    for column in range(count):
        above, below = axes[:, column]
        above.imshow(images[column], interpolation="nearest", extent=extent)
        drawn = below.imshow(
            cells[column],
            interpolation="nearest",
            cmap=figure8_flaw_maps.FLAW_COLOURS,
            vmin=0.0,
            vmax=1.0,
            extent=extent,
        )
        for ax in (above, below):
            for colour, line in ((UNDER, 2.4), (OUTLINE, 1.2)):
                ax.add_patch(_outline(masks[column], colour, line))
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        above.set_title(str(column), color=style.GREY, fontsize=7.5)
    for ax, title in zip(axes[:, 0], ("Image", "Flaw map,\nits cells"), strict=True):
        ax.set_ylabel(title, rotation=0, ha="right", va="center")
    figure.colorbar(drawn, ax=axes.ravel().tolist(), label="evidence of generation", pad=0.01, aspect=25)
    message = (
        f"Real test images 0 to {count - 1}, not picked; the square is a piece of a generated image. A map without "
        "evidence is empty. How often the place is found: Table 6."
    )
    return style.captioned(figure, f"{message} {caption}")


def _outline(mask: np.ndarray, colour: str, width: float) -> Rectangle:
    """The border of a patch, in pixels of the image."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    corner = float(columns[0]), float(rows[0])
    size = float(columns[-1] + 1 - columns[0]), float(rows[-1] + 1 - rows[0])
    return Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=width)
