"""The figure shows the first images as they are, with the patch where its mask is."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from selfrefine.core import files
from selfrefine.report.figures import style
from selfrefine.report.figures.planted_flaws import planted_flaws_figure

COUNT = 3


@pytest.fixture(scope="module")
def shown():
    draws = np.random.default_rng(0)
    masks = np.zeros((COUNT, 16, 16))
    for number, mask in enumerate(masks):
        mask[2 + number : 10 + number, 5 : 9 + number] = 0.5
    images = draws.integers(0, 256, (COUNT, 16, 16, 3), dtype=np.uint8)
    return images, draws.random((COUNT, 4, 4)), masks


@pytest.fixture(scope="module")
def figure(shown):
    return planted_flaws_figure(*shown, "Experiment smoke, seed 0.")


def pictures(figure):
    return [ax for ax in figure.axes if ax.images and ax.patches]


def test_images_and_maps_are_drawn_as_they_are(shown, figure):
    axes = pictures(figure)
    assert len(axes) == 2 * COUNT
    for column in range(COUNT):
        assert np.array_equal(axes[column].images[0].get_array(), shown[0][column])
        assert np.array_equal(axes[COUNT + column].images[0].get_array(), shown[1][column])
        assert axes[COUNT + column].images[0].get_interpolation() == "nearest"
        assert axes[COUNT + column].images[0].get_clim() == (0.0, 1.0)
        assert axes[column].images[0].get_extent() == axes[COUNT + column].images[0].get_extent()


def test_the_outline_is_that_of_the_mask_in_image_and_map(figure):
    for number, ax in enumerate(pictures(figure)):
        column = number % COUNT
        for patch in ax.patches:
            assert isinstance(patch, Rectangle)
            assert patch.get_bbox().bounds == (5.0, 2.0 + column, 4.0 + column, 8.0)


def test_what_is_shown_stands_below(figure):
    caption = " ".join(figure.get_supxlabel().split())
    assert "Real test images 0 to 2, not picked" in caption
    assert caption.endswith("Experiment smoke, seed 0.")


def test_one_image_is_enough_and_the_file_is_written(shown, tmp_path):
    with style.style():
        files.write_figure(tmp_path / "figure.png", planted_flaws_figure(*(part[:1] for part in shown), "One."))
    assert (tmp_path / "figure.png").read_bytes()[1:4] == b"PNG"
