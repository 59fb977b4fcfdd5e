"""Figure 4: which images stand where."""

import numpy as np
import pytest

from selfrefine import plotting, sample_figures
from selfrefine.errors import InputError
from selfrefine.sample_figures import PHOTOGRAPHS
from tests.test_plotting import CAPTION, caption_of, column_labels, images, strip

BLOCKS = {
    "Garments": {PHOTOGRAPHS: images(3), "Baseline": images(3, seed=1), "Both": images(3, seed=2)},
    "Shoes": {PHOTOGRAPHS: images(3, size=32, seed=3), "Baseline": images(3, size=32, seed=4)},
}


def test_rows_are_variants_and_columns_are_images():
    figure = sample_figures.samples_figure(BLOCKS, CAPTION)
    rows = [images for block in BLOCKS.values() for images in block.values()]
    assert [ax.get_ylabel() for ax in figure.axes] == [PHOTOGRAPHS, "Baseline", "Both", PHOTOGRAPHS, "Baseline"]
    for ax, shown in zip(figure.axes, rows, strict=True):
        size, gap = shown.shape[2], shown.shape[2] // 16
        for number, image in enumerate(shown):
            left = number * (size + gap)
            assert np.array_equal(strip(ax)[:, left : left + size], image / 255.0)


def test_each_block_is_headed_and_numbered_once():
    axes = sample_figures.samples_figure(BLOCKS, CAPTION).axes
    assert [ax.get_title(loc="left").strip() for ax in axes] == ["Garments", "", "", "Shoes", ""]
    assert [column_labels(ax) for ax in axes] == [["0", "1", "2"], [], [], ["0", "1", "2"], []]


@pytest.mark.parametrize("variants", [2, 10])
def test_columns_stand_below_each_other(variants):
    """Whatever the layout makes of heights and labels: a photograph as wide as the samples below it."""
    rows = {PHOTOGRAPHS: images(4), **{f"Variant number {n}": images(4, seed=n) for n in range(variants)}}
    with plotting.style():
        figure = sample_figures.samples_figure({"Garments": rows, "Shoes": rows}, CAPTION)
        figure.draw_without_rendering()  # lays it out
    boxes = [ax.get_position(original=False) for ax in figure.axes]
    assert np.ptp([box.x0 for box in boxes]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp([box.x1 for box in boxes]) == pytest.approx(0.0, abs=1e-6)


def test_the_caption_tells_what_is_real_and_that_nothing_was_picked():
    told = caption_of(sample_figures.samples_figure(BLOCKS, CAPTION))
    assert told.endswith(CAPTION)
    assert "Images 0 to 2, not picked" in told
    assert "Photographs: images 0 to 2 of the test split" in told
    told = caption_of(sample_figures.samples_figure({"Garments": {"Baseline": images(3)}}, CAPTION))
    assert PHOTOGRAPHS not in told


def test_rows_of_different_length_are_refused():
    rows = {PHOTOGRAPHS: images(8), "Baseline": images(5)}
    with pytest.raises(InputError, match=r"make_figures\.n_images .* 5 and 8; allowed: at most 5"):
        sample_figures.samples_figure({"Garments": rows}, CAPTION)
