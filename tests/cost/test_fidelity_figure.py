"""The figure of the study shows what fidelity.csv holds."""

import math

import pytest

from selfrefine.cost import fidelity_figure
from selfrefine.report.figures import style
from tests.cost.test_fidelity_page import lines
from tests.report.figures.test_style import caption_of


def draw(table):
    return fidelity_figure.fidelity_figure(table, "Experiment smoke.")


def bars(ax):
    """x -> value, low, high of each mark."""
    found = {}
    for container in ax.containers:
        mark, _, (bar,) = container.lines
        (x,), (y,) = mark.get_data()
        (segment,) = bar.get_segments()
        found[float(x)] = (float(y), float(segment[0][1]), float(segment[1][1]))
    return found


def test_each_size_stands_at_its_evaluations_with_its_spread():
    r, ratio = draw(lines()).axes[:2]
    assert bars(r)[640.0] == pytest.approx((0.955, 0.925, 0.985))
    assert bars(ratio)[640.0] == pytest.approx((1.105, 1.075, 1.135))
    assert set(bars(r)) == {640.0, 2000.0, 16000.0}
    assert {text.get_text() for text in r.texts} == {"8 x 250", "64 x 250", "64 x 10"}


def test_the_reference_is_a_line_at_its_own_ceiling():
    r, ratio = draw(lines()).axes[:2]
    dashed = [line.get_ydata()[0] for ax in (r, ratio) for line in ax.lines if len(line.get_xdata()) == 2]
    assert dashed == [pytest.approx(0.997), 1.0]


def test_models_are_dots_where_there_are_several():
    dots = [line for line in draw(lines()).axes[0].lines if line.get_alpha() == fidelity_figure.PALE]
    assert len(dots) == 6
    alone = draw(lines(seeds=1))
    assert not [line for line in alone.axes[0].lines if line.get_alpha() == fidelity_figure.PALE]
    assert "mean over 1 model." in caption_of(alone)


def test_the_second_axis_is_the_cost_in_percent():
    (above,) = draw(lines()).axes[0].child_axes
    forward, back = above._functions
    assert forward(640.0) == pytest.approx(100 * 640 / (3 * 100 * 64))
    assert back(forward(640.0)) == pytest.approx(640.0)


def test_it_is_drawn_without_a_warning_and_with_figures_that_do_not_exist(recwarn):
    with style.style():
        draw(lines(r=math.nan, mean_ratio=math.nan)).canvas.draw()
    assert not recwarn.list
    assert "Experiment smoke." in caption_of(draw(lines()))
