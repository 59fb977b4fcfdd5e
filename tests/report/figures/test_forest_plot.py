"""The forest plot shows what controls.csv holds."""

import pandas as pd
import pytest

from selfrefine.report.figures import forest_plot
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import contrasts
from tests.support.tiny_controls import control_results

RESULTS = {seeds: control_results(seeds=seeds) for seeds in (1, 6)}


def table(seeds):
    found = contrasts.lines(RESULTS[seeds])
    return found[found["network"] == "alexnet_conv5_gap"]


def draw(seeds):
    return records(table(seeds)), forest_plot.forest_figure(table(seeds), RESULTS[seeds])


def marks(ax, row):
    """The lines drawn in one row, without the line at 0."""
    return [line for line in ax.lines if list(line.get_ydata())[:1] == [row] and len(set(line.get_ydata())) == 1]


def test_half_a_difference_is_labelled_so():
    results = control_results(seeds=6, confirmatory=(("uniform", "cells", "half"),))
    lines = contrasts.lines(results)
    first, *_ = forest_plot.forest_figure(lines[lines["network"] == "alexnet_conv5_gap"], results).axes
    labels = [label.get_text() for label in first.get_yticklabels()]
    assert [label for label in labels if "half" in label] == ["half of Uniform \N{EN DASH} Cells"]


@pytest.mark.parametrize("seeds", [1, 6])
def test_every_seed_is_a_dot(seeds):
    shown, figure = draw(seeds)
    (ax,) = figure.axes
    for row, line in enumerate(shown):
        dots = [mark for mark in marks(ax, row) if mark.get_marker() == "o"]
        assert list(dots[0].get_xdata()) == pytest.approx([line["difference"]] * seeds)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "Forward", "the reference of all is told once, below"
    assert len(labels) == len(shown)
    assert labels[-1] == "Both \N{EN DASH} Real_map_matched"


def test_the_interval_over_seeds_is_thick_and_needs_two():
    for seeds in (1, 6):
        shown, figure = draw(seeds)
        thick = [line for line in figure.axes[0].lines if line.get_linewidth() > 3.0 and len(line.get_xdata()) == 2]
        assert len(thick) == (len(shown) if seeds > 1 else 0)


def test_the_interval_over_images_is_thin_and_missing_in_direct_contrasts():
    shown, figure = draw(1)
    thin = [mark for row in range(len(shown)) for mark in marks(figure.axes[0], row) if mark.get_linewidth() < 1.0]
    ends = [list(mark.get_xdata()) for mark in thin]
    assert ends == [[line["image_low"], line["image_high"]] for line in shown if line["reference"] == "baseline"]


def test_the_margin_is_shaded_and_the_scale_stands_below():
    _, figure = draw(6)
    (band,) = figure.axes[0].patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.017, 0.034))
    assert "Experiment smoke, 6 seeds." in " ".join(figure.get_supxlabel().split())


def test_a_data_set_of_few_variants_gets_a_low_panel():
    """Rows are equally high everywhere."""
    many = table(1)
    few = many[:3].assign(dataset="shoes")
    figure = forest_plot.forest_figure(pd.concat([many, few]), RESULTS[1])
    figure.draw_without_rendering()
    tall, low = (ax.get_position().height for ax in figure.axes)
    assert tall / low == pytest.approx(len(many) / len(few), rel=0.02)


def test_nothing_to_compare_is_said():
    figure = forest_plot.forest_figure(table(1)[:0], RESULTS[1])
    assert "No two variants" in figure.get_supxlabel()


@pytest.mark.parametrize(("largest", "scale"), [(0.09, "linear"), (0.7, "symlog")])
def test_one_large_difference_does_not_squeeze_the_small_ones(largest, scale):
    """Up to 0.1 an axis is linear; beyond, what is ten times as far stands twice as far."""
    shown = table(6).head(3).assign(difference=[0.0, 0.02, largest], low=0.0, high=0.03, by_seed="0:0.01")
    figure = forest_plot.forest_figure(shown.assign(image_low=0.0, image_high=0.02), RESULTS[6])
    (ax,) = figure.axes
    assert ax.get_xscale() == scale
    if scale == "symlog":
        zero, end, tenfold = (ax.transData.transform((value, 0.0))[0] for value in (0.0, 0.1, 1.0))
        assert (tenfold - zero) / (end - zero) == pytest.approx(1.9, abs=0.2)
        assert {"0", "0.05", "0.1", "0.3"} <= {label.get_text() for label in ax.get_xticklabels()}
