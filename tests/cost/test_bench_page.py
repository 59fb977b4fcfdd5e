"""Page and figures show what the tables hold, and what keeps to the limit."""

import numpy as np
import pytest

from selfrefine.core import files
from selfrefine.cost import bench_page, refresh_cost
from selfrefine.cost.beside_diffusers import LOOP, STOCK
from selfrefine.cost.clock import rate_lines
from selfrefine.cost.refresh_cost import LIMIT
from selfrefine.report.figures import style
from tests.support.tiny_subject import SIZES, counted_seconds

COSTS = refresh_cost.lines(counted_seconds(), SIZES)
TRAINING = rate_lines({LOOP: [2.0, 2.0], "ours, float32": [1.6, 1.6], "ours, bfloat16": [1.0, 1.0]}, 64)
SAMPLING = rate_lines({STOCK: [2.0], "ours, float32": [1.9], "ours, bfloat16": [1.8]}, 64)
COUNTED = [
    {"model": "DDPM", "size": 128, "images": 64, "steps": 10, "cycle": 100, "evaluation_gflops": 132.85, "batch": batch}
    | {"explaining_gflops": 10.03, "cost": cost}
    for batch, cost in ((8, 1.2687), (64, 1.0336))
]


def write(costs=COSTS):
    tables = {"cost": costs, "counted": COUNTED, "training": TRAINING, "sampling": SAMPLING}
    return bench_page.bench_page("Some machine.", tables)


def row(text, *beginning):
    """Cells of the first table row that begins so."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return next(cells for cells in rows if tuple(cells[: len(beginning)]) == beginning)


def test_costs_stand_by_batch_and_refresh_and_those_within_the_limit_are_marked():
    text = write()
    assert text.startswith("# Benchmark\n\nSome machine.\n")
    assert row(text, "2", "4 x 3")[4:] == ["1.200", "1.020 * [1.020, 1.020]"]
    assert row(text, "4", "authors, B x 5")[4:] == ["1.167", "1.017 * [1.017, 1.017]"]
    assert row(text, "4", "4 x 3")[2:4] == ["18", "1.000"]


def test_what_misses_the_limit_has_no_mark():
    slow = counted_seconds()
    slow["refresh", 4, 3] = [10.0 * seconds for seconds in slow["refresh", 4, 3]]
    text = write(refresh_cost.lines(slow, SIZES))
    assert row(text, "2", "4 x 3")[5] == "1.200 [1.200, 1.200]"


def test_counted_costs_stand_by_network():
    assert row(write(), "DDPM, 128 px") == ["DDPM, 128 px", "133", "10", "1.269", "1.034 *"]
    assert "64 images x 10 steps every 100 updates" in write()


def test_speeds_stand_with_the_ends_of_the_rounds():
    assert row(write(), "ours, bfloat16") == ["ours, bfloat16", "64.0 [64.0, 64.0]", "2.00 [2.00, 2.00]"]
    assert row(write(), STOCK)[2] == "1.00 [1.00, 1.00]"


def test_cost_has_a_panel_for_each_batch_and_a_curve_for_each_refresh():
    figure = bench_page.cost_figure(COSTS, "Some machine.")
    assert [ax.get_title() for ax in figure.axes] == ["batch 2", "batch 4"]
    titles = ["4 x 3", "2 x 3", "authors, B x 5"]
    assert [ax.get_legend_handles_labels()[1] for ax in figure.axes] == [titles] * 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == titles
    assert figure.get_supxlabel().endswith("Some machine.")


def test_curves_are_the_costs_in_the_same_colour_everywhere():
    figure = bench_page.cost_figure(COSTS, "")
    first = figure.axes[0]
    drawn = {container.get_label(): container.lines[0].get_xydata() for container in first.containers}
    np.testing.assert_allclose(drawn["4 x 3"], [[10, 1.2], [100, 1.02]])
    np.testing.assert_allclose(drawn["authors, B x 5"], [[10, 1 + 5 / 30], [100, 1 + 5 / 300]])
    assert [LIMIT, LIMIT] in [list(line.get_ydata()) for line in first.lines]
    colours = [{c.get_label(): c.lines[0].get_color() for c in ax.containers} for ax in figure.axes]
    assert colours[0] == colours[1]
    assert len(set(colours[0].values())) == 3


def test_speed_has_a_bar_for_each_case_and_its_ratio(tmp_path):
    with style.style():
        figure = bench_page.speed_figure({"Training": TRAINING, "Sampling": SAMPLING}, "Some machine.")
        files.write_figure(tmp_path / "speed.png", figure)
    training, sampling = figure.axes
    assert [bar.get_width() for bar in training.patches] == [pytest.approx(r) for r in (32.0, 40.0, 64.0)]
    assert [text.get_text() for text in training.get_yticklabels()][-1] == "ours, bfloat16\n2.00 x"
    assert len(sampling.patches) == 3
    assert (tmp_path / "speed.png").stat().st_size > 5000
