import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from selfrefine.core import files
from selfrefine.report.figures import figure8_flaw_maps, style
from tests.support.tiny_figures import CAPTION, caption_of, images, maps, strip


def figure8():
    return figure8_flaw_maps.flaw_maps_figure(images(3), maps(3, 32), CAPTION)


def test_the_figure_says_scale_and_seed():
    assert CAPTION in caption_of(figure8())
    assert CAPTION in caption_of(style.only_words(CAPTION))


def test_equal_figures_are_equal_bytes_whatever_the_users_settings(tmp_path):
    with style.style():
        files.write_figure(tmp_path / "plain.png", figure8())
    with mpl.rc_context({"font.size": 20, "figure.dpi": 50, "savefig.dpi": 30}), style.style():
        files.write_figure(tmp_path / "own.png", figure8())
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "own.png").read_bytes()


@pytest.mark.parametrize("title", ["$x_{$", "$(touch X) `date` $", "a $\\frac{1}$ b", "{} %s \\n $$", "é ≥"])
def test_a_title_is_drawn_as_it_is(title, tmp_path):
    with style.style():
        figure = style.only_words(title)
        files.write_figure(tmp_path / "drawn.png", figure)
        plain = figure.findobj(mpl.text.Text)
    assert all(not text.get_parse_math() for text in plain)
    assert title in caption_of(figure)


def test_an_overlay_is_six_parts_image_and_four_parts_jet():
    shown, heat = images(2), maps(2, 32)
    figure = figure8_flaw_maps.flaw_maps_figure(shown, heat, CAPTION)
    rows = {ax.get_ylabel().replace("\n", " "): strip(ax)[:, :32] for ax in figure.axes if ax.images}
    assert list(rows) == ["Image", "Flaw map as the method uses it", "Image and map"]
    assert np.array_equal(rows["Image"], np.kron(shown[0], np.ones((2, 2, 1))) / 255.0)
    assert np.allclose(rows["Flaw map as the method uses it"], mpl.colormaps["jet"](heat[0])[..., :3])
    both = 0.6 * rows["Image"] + 0.4 * rows["Flaw map as the method uses it"]
    assert np.allclose(rows["Image and map"], both)


def test_the_cells_of_a_map_are_drawn_as_squares_of_one_colour():
    cells = maps(2, 4)
    figure = figure8_flaw_maps.flaw_maps_figure(images(2), maps(2, 32), CAPTION, cells)
    (ax,) = (ax for ax in figure.axes if "cells" in ax.get_ylabel())
    assert ax.get_ylabel().split() == ["Flaw", "map,", "its", "4", "x", "4", "cells"]
    squares = np.kron(mpl.colormaps["jet"](cells[0])[..., :3], np.ones((8, 8, 1)))
    assert np.array_equal(strip(ax)[:, :32], squares)


def test_images_stand_side_by_side_and_their_labels_above_them():
    ax, shown = Figure().subplots(), images(3)
    style.draw_strip(ax, shown / 255.0, "Random maps of a kind that needs words", "red")
    style.number_columns(ax, ["0", "1", "2"], 16)
    pixels = strip(ax)
    assert pixels.shape == (16, 3 * 16 + 2, 3)
    for number, image in enumerate(shown):
        assert np.array_equal(pixels[:, 17 * number : 17 * number + 16], image / 255.0)
    assert (pixels[:, 16] == 1.0).all()
    assert list(ax.get_xticks()) == [7.5, 24.5, 41.5]
    assert max(map(len, ax.get_ylabel().splitlines())) <= style.LABEL_WIDTH
    assert ax.yaxis.label.get_color() == "red"


def test_twelve_colours_are_as_far_apart_as_those_of_okabe_and_ito():
    """Euclidean distance in RGB; and far from the white of the paper."""
    colours = [np.array(to_rgb(colour)) for colour in style.COLOURS]

    def closest(some):
        return min(np.linalg.norm(one - other) for one, other in itertools.combinations(some, 2))

    assert len(colours) == 12
    assert closest(colours) == closest(colours[:7])
    assert min(np.linalg.norm(colour - 1.0) for colour in colours) > 0.5


@pytest.mark.parametrize("count", [4, 10, 12, 24])
def test_no_two_variants_look_the_same(count):
    titles = [str(number) for number in range(count)]
    looks = style.looks(titles, titles[4:])
    assert list(looks) == titles
    assert len({(look["color"], look["linestyle"]) for look in looks.values()}) == count


def test_controls_are_dashed_and_variants_keep_their_colours():
    looks = style.looks(["Baseline", "Both", "Uniform"], ["Uniform"])
    assert [look["color"] for look in looks.values()] == list(style.COLOURS[:3])
    assert looks["Baseline"]["linestyle"] == looks["Both"]["linestyle"] == style.SOLID
    assert looks["Uniform"]["linestyle"] == style.DASHED
