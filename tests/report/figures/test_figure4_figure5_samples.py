"""Figures 4 and 5: which images stand where."""

import itertools

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.report.figures import figure4_figure5_samples, style
from selfrefine.report.figures.figure4_figure5_samples import PHOTOGRAPHS
from tests.support.tiny_figures import CAPTION, caption_of, column_labels, images, strip

BLOCKS = {
    "Garments": {PHOTOGRAPHS: images(3), "Baseline": images(3, seed=1), "Both": images(3, seed=2)},
    "Shoes": {PHOTOGRAPHS: images(3, size=32, seed=3), "Baseline": images(3, size=32, seed=4)},
}


def draw(blocks=BLOCKS):
    return figure4_figure5_samples.samples_figure(blocks, "Baseline", CAPTION)


def parts(ax, count=3):
    """The images of a row: its samples and, after an empty place, their differences."""
    pixels = strip(ax)
    size = pixels.shape[0]
    found = [pixels[:, place * (size + size // 16) :][:, :size] for place in range(2 * count + 1)]
    return found[:count], found[count + 1 :]


def test_rows_are_variants_and_columns_are_images():
    figure = draw()
    rows = [images for block in BLOCKS.values() for images in block.values()]
    assert [ax.get_ylabel() for ax in figure.axes] == [PHOTOGRAPHS, "Baseline", "Both", PHOTOGRAPHS, "Baseline"]
    for ax, shown in zip(figure.axes, rows, strict=True):
        assert np.array_equal(parts(ax)[0], shown / 255.0)


def test_what_a_row_differs_in_stands_beside_it_in_red_and_blue():
    plain = np.full((3, 16, 16, 3), 100, np.uint8)
    other = plain.copy()
    other[0, 3, 5], other[1, 2, 2] = 140, 60
    _, baseline, both = draw({"Garments": {PHOTOGRAPHS: plain, "Baseline": plain, "Both": other}}).axes
    assert all((image == 1.0).all() for image in parts(baseline)[1]), "nothing stands beside the reference"
    brighter, darker, same = parts(both)[1]
    red, _, blue = brighter[3, 5]
    assert red > 2 * blue
    red, _, blue = darker[2, 2]
    assert blue > 2 * red
    nothing = figure4_figure5_samples.coloured(np.zeros((1, 1, 1)), 1.0)[0, 0]
    assert np.allclose(same, nothing)
    assert np.ptp(nothing) < 0.01, "no difference has no hue"


def test_each_block_is_headed_and_numbered_once():
    axes = draw().axes
    assert [ax.get_title(loc="left").strip() for ax in axes] == ["Garments", "", "", "Shoes", ""]
    numbers = ["0", "1", "2"]
    assert [column_labels(ax) for ax in axes] == [[*numbers, "", *numbers], [], [], [*numbers, ""], []]


def test_figure_4_has_the_differences_of_each_process_below_it():
    rows = {PHOTOGRAPHS: images(3), "Baseline": images(3, seed=1), "Forward": images(3, seed=2)}
    figure = figure4_figure5_samples.processes_figure(rows, "Baseline", "Garments", CAPTION)
    assert [ax.get_ylabel() for ax in figure.axes] == [PHOTOGRAPHS, "Baseline", "Forward", "less Baseline"]
    highest = int(caption_of(figure).split("full colour at ")[1].split()[0])
    changes = (rows["Forward"].astype(float) - rows["Baseline"]).mean(axis=3)
    assert np.mean(np.abs(changes) <= highest) == pytest.approx(0.99, abs=0.01)
    expected = figure4_figure5_samples.coloured(changes, highest)
    assert np.array_equal(strip(figure.axes[3])[:, 17:33], expected[1])


@pytest.mark.parametrize("variants", [2, 10])
def test_columns_stand_below_each_other(variants):
    """Whatever the layout makes of heights and labels: a photograph as wide as the samples below it."""
    rows = {PHOTOGRAPHS: images(4), **{f"Variant number {n}": images(4, seed=n) for n in range(variants)}}
    with style.style():
        figure = draw({"Garments": rows, "Shoes": rows})
        figure.draw_without_rendering()  # lays it out
    boxes = [ax.get_position(original=False) for ax in figure.axes]
    assert np.ptp([box.x0 for box in boxes]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp([box.x1 for box in boxes]) == pytest.approx(0.0, abs=1e-6)


def test_the_caption_tells_what_is_real_and_that_nothing_was_picked():
    told = caption_of(draw())
    assert told.endswith(CAPTION)
    assert "Images 0 to 2, not picked" in told
    assert "Samples belong to no photograph." in told
    told = caption_of(draw({"Garments": {"Baseline": images(3)}}))
    assert "photograph" not in told


FAMILIES = {
    "Garments": {PHOTOGRAPHS: images(3)},
    "DDPM": {"Baseline": images(3, seed=1), "Both": images(3, seed=2)},
    "U-ViT": {"Baseline": images(3, seed=3), "Reverse": images(3, seed=4)},
}


def test_figure_5_has_photographs_once_and_two_rows_of_each_family():
    figure = figure4_figure5_samples.families_figure(FAMILIES, CAPTION)
    assert [ax.get_title(loc="left").strip() for ax in figure.axes] == ["Garments", "DDPM", "", "U-ViT", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == [PHOTOGRAPHS, "Baseline", "Both", "Baseline", "Reverse"]
    rows = [shown for block in FAMILIES.values() for shown in block.values()]
    for ax, shown in zip(figure.axes, rows, strict=True):
        expected = np.concatenate([np.pad(image, ((0, 0), (0, 1), (0, 0)), constant_values=255) for image in shown], 1)
        assert np.array_equal(strip(ax), expected[:, :-1] / 255.0)
    assert figure.get_suptitle() == "Samples of every model family"
    told = caption_of(figure)
    assert "Images 0 to 2, not picked. Each column of a family starts from the same noise." in told
    assert told.endswith(CAPTION)


@pytest.mark.parametrize("families", [1, 4])
def test_figure_5_has_its_columns_below_each_other_and_nothing_outside(families):
    blocks = {"Garments": {PHOTOGRAPHS: images(8)}}
    blocks |= {f"Family {n}": {"Baseline": images(8), "Forward + reverse": images(8)} for n in range(families)}
    with style.style():
        figure = figure4_figure5_samples.families_figure(blocks, CAPTION)
        figure.draw_without_rendering()
    boxes = [ax.get_position(original=False) for ax in figure.axes]
    assert np.ptp([box.x0 for box in boxes]) == pytest.approx(0.0, abs=1e-6)
    assert np.ptp([box.x1 for box in boxes]) == pytest.approx(0.0, abs=1e-6)
    for above, below in itertools.pairwise(boxes):
        assert above.y0 > below.y1
    for ax in figure.axes:
        box = ax.get_tightbbox()
        assert box.x0 >= 0.0
        assert box.x1 <= figure.bbox.width


@pytest.mark.parametrize("name", ["processes", "samples", "families"])
def test_rows_of_different_length_are_refused(name):
    rows = {PHOTOGRAPHS: images(8), "Baseline": images(5)}
    draws = {
        "processes": lambda: figure4_figure5_samples.processes_figure(rows, "Baseline", "Garments", CAPTION),
        "samples": lambda: draw({"Garments": rows}),
        "families": lambda: figure4_figure5_samples.families_figure({"Garments": rows}, CAPTION),
    }
    with pytest.raises(InputError, match=r"make_figures\.n_images .* 5 and 8; allowed: at most 5"):
        draws[name]()
