"""Figure 9: what is drawn of a study, with people and without."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from selfrefine.report.figures import figure9_study, style
from tests.support import tiny_picks
from tests.support.tiny_figures import CAPTION, caption_of, images

CELLS = tiny_picks.cells(3)
RATES = np.linspace(0.0, 1.0, 3 * 16).reshape(3, 4, 4)


def panels(figure):
    """The panels of each row, without colour bars."""
    shown = [ax for ax in figure.axes if ax.images]
    return [shown[start : start + 3] for start in range(0, len(shown), 3)]


def drawn(rates):
    with style.style():
        return figure9_study.study_figure(images(3), CELLS, rates, CAPTION, n_participants=15)


def outlined(ax):
    """Cells with a border, of an image of 16 px on a grid of 4."""
    boxes = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    return {int(box.get_y() // 4 * 4 + box.get_x() // 4) for box in boxes}


def test_with_people_it_shows_images_picks_and_the_maps_cells():
    rows = panels(drawn(RATES))
    assert [row[0].get_ylabel() for row in rows] == ["Image", "People's picks", "Flaw map,\nits cells"]
    for number in range(3):
        assert np.array_equal(rows[0][number].images[0].get_array(), images(3)[number])
        assert np.array_equal(rows[1][number].images[0].get_array(), RATES[number])
        assert np.array_equal(rows[2][number].images[0].get_array(), CELLS[number])
        highest = set(np.argsort(CELLS[number].ravel())[-3:].tolist())
        assert all(outlined(row[number]) == highest for row in rows)


def test_without_people_it_shows_the_trials_and_says_so():
    figure = drawn(None)
    assert [row[0].get_ylabel() for row in panels(figure)] == ["Image", "Flaw map,\nits cells"]
    assert figure9_study.NOBODY in caption_of(figure)
    assert CAPTION in caption_of(figure)
    assert figure9_study.NOBODY not in caption_of(drawn(RATES))


@pytest.mark.parametrize(
    ("values", "sure", "equal"),
    [
        ([9, 8, 7, 0], {0, 1, 2}, set()),
        ([9, 7, 7, 7], {0}, {1, 2, 3}),
        ([9, 7, 7, 0], {0, 1, 2}, set()),
        ([1, 0, 0, 0], {0}, {1, 2, 3}),
        ([0, 0, 0, 0], set(), {0, 1, 2, 3}),
    ],
)
def test_equal_cells_are_told_apart_from_the_highest(values, sure, equal):
    found = figure9_study.highest(np.array(values, float).reshape(2, 2))
    assert [set(np.flatnonzero(part).tolist()) for part in found] == [sure, equal]


def test_a_map_without_evidence_has_no_borders():
    with style.style():
        figure = figure9_study.study_figure(images(1), np.zeros((1, 4, 4)), None, CAPTION)
    assert not any(ax.patches for ax in figure.axes)
