"""The figures show what the tables hold."""

import numpy as np
import pytest

from selfrefine.core import files
from selfrefine.cost import bench_figures, refresh_cost
from selfrefine.cost.refresh_cost import LIMIT
from selfrefine.report.figures import style
from tests.cost.test_bench_page import SAMPLING, TRAINING
from tests.report.figures.test_style import caption_of
from tests.support.tiny_subject import SIZES, counted_seconds


@pytest.fixture(scope="module")
def costs():
    return refresh_cost.lines(counted_seconds(), SIZES)


def test_cost_has_a_panel_for_each_batch_and_a_curve_for_each_refresh(costs):
    figure = bench_figures.cost_figure(costs, "Some machine.")
    assert [ax.get_title() for ax in figure.axes] == ["batch 2", "batch 4"]
    titles = [ax.get_legend_handles_labels()[1] for ax in figure.axes]
    assert titles == [["ours, 4 x 3", "reduced, 2 x 3", "authors, B x 5"], ["ours, 4 x 3", "authors, B x 5"]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == titles[0]
    assert caption_of(figure).endswith("Some machine.")


def test_curves_are_the_costs(costs):
    first = bench_figures.cost_figure(costs, "").axes[0]
    drawn = {container.get_label(): container.lines[0].get_xydata() for container in first.containers}
    np.testing.assert_allclose(drawn["ours, 4 x 3"], [[10, 1.2], [100, 1.02]])
    np.testing.assert_allclose(drawn["authors, B x 5"], [[10, 1 + 5 / 30], [100, 1 + 5 / 300]])
    assert first.get_yscale() == "log"
    assert [LIMIT, LIMIT] in [list(line.get_ydata()) for line in first.lines]


def test_refreshes_keep_their_colour_in_all_panels(costs):
    left, right = bench_figures.cost_figure(costs, "").axes
    colours = [{c.get_label(): c.lines[0].get_color() for c in ax.containers} for ax in (left, right)]
    assert colours[1].items() <= colours[0].items()
    assert len(set(colours[0].values())) == 3


def test_speed_has_a_bar_for_each_case_and_its_ratio(tmp_path):
    with style.style():
        figure = bench_figures.speed_figure({"Training": TRAINING, "Sampling": SAMPLING}, "Some machine.")
        files.write_figure(tmp_path / "speed.png", figure)
    training, sampling = figure.axes
    bars = [patch.get_width() for patch in training.patches]
    assert bars == [line["images_per_second"] for line in TRAINING]
    assert [text.get_text() for text in training.get_yticklabels()][-1] == "ours, bfloat16\n2.00 x"
    assert len(sampling.patches) == 3
    assert (tmp_path / "speed.png").stat().st_size > 5000
