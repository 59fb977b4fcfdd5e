"""The figure of maps shows what correlations.csv and maps.npz hold."""

import matplotlib as mpl
import numpy as np
import pytest

from selfrefine.evidence import compared_maps
from selfrefine.evidence.compared_maps import FAKES
from selfrefine.evidence.jackknife_maps import MeanMap
from selfrefine.report.figures import map_correlations, style
from selfrefine.report.tables import map_validity
from tests.support.tiny_maps import MAPS, correlations, maps

TITLES = map_validity.TITLES
COUNT = len(MAPS)


def draw(lines=None):
    found = correlations() if lines is None else lines
    with style.style():
        return map_correlations.correlation_figure(found, maps(), TITLES, "Experiment smoke, seed 0.")


def texts(figure):
    return {tuple(np.round(text.get_position(), 2)): text.get_text() for text in figure.axes[0].texts}


def test_every_r_stands_in_its_cell_with_its_interval():
    shown = texts(draw(correlations(real_map=0.812, second=-0.004)))
    assert shown[0, 1.92] == "+0.00"
    assert shown[0, 0.92] == "+0.81"  # the flaw map's column, the second row
    assert shown[0, 1.26] == "[0.79, 0.83]"
    assert shown[0, 2.92] == "-0.20"
    assert shown[0, 4] == "none"
    assert sum(text.startswith("[") for text in shown.values()) == COUNT * (COUNT - 1) // 2 - 1


def test_cells_have_the_colour_of_their_r():
    figure = draw()
    colours = {
        (patch.get_x() + map_correlations.EDGE, patch.get_y() + map_correlations.EDGE): patch.get_facecolor()
        for patch in figure.axes[0].patches
    }
    assert len(colours) == COUNT * (COUNT - 1) // 2
    assert colours[0, 1] == pytest.approx(mpl.colormaps[map_correlations.COLOURS](0.9))
    assert colours[0, 4][:3] == pytest.approx([float(map_correlations.ABSENT)] * 3)


def test_maps_stand_on_the_diagonal_from_their_least_to_their_greatest_value():
    figure, given = draw(), maps()
    drawn = figure.axes[0].images
    assert len(drawn) == COUNT
    for place, (image, some_map) in enumerate(zip(drawn, given.values(), strict=True)):
        left, right, bottom, top = image.get_extent()
        assert ((left + right) / 2, (bottom + top) / 2) == pytest.approx((place, place))
        if np.ptp(some_map):
            scaled = (some_map - some_map.min()) / np.ptp(some_map)
            expected = mpl.colormaps[map_correlations.MAP_COLOURS](scaled)
            assert np.asarray(image.get_array()) == pytest.approx(expected, abs=0.01)
    flat = np.asarray(drawn[-1].get_array())
    assert flat[..., :3] == pytest.approx(float(map_correlations.ABSENT), abs=0.01)
    assert "mean 0.30\nstd 0.00" in texts(figure).values()


def test_maps_are_named_and_the_scale_stands_below():
    figure = draw()
    rows = [" ".join(label.get_text().split()) for label in figure.axes[0].get_yticklabels()]
    assert rows == [TITLES[name] for name in MAPS]
    assert "Experiment smoke, seed 0." in " ".join(figure.get_supxlabel().split())


def test_mean_maps_are_read_in_their_order():
    singles = {
        "flaw": MeanMap(np.ones((3, 4), np.float32), FAKES),
        "edge": MeanMap(np.zeros((3, 4), np.float32), FAKES),
    }
    arrays = compared_maps.arrays(singles, np.zeros((3, 2, 2, 3), np.uint8), 1)
    found = map_correlations.mean_maps(arrays)
    assert list(found) == ["flaw", "edge"]
    assert np.array_equal(found["flaw"], np.ones((2, 2)))


def test_a_pair_that_was_not_measured_is_empty():
    assert texts(draw([])).get((0, 1)) == "none"
