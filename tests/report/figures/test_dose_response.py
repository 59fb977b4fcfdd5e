"""FD against strength shows what strength.csv holds."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from selfrefine.report.figures import dose_response as figures_dose_response
from selfrefine.report.figures import style
from selfrefine.report.tables import dose_response
from tests.support.tiny_figures import caption_of
from tests.support.tiny_metrics import FD, ROWS, generation
from tests.support.tiny_results import tiny_results

NETWORK = "vgg16_conv5_gap"
PETALS = {"title": "Petals", "main_model": "tiny"}
RESULTS = tiny_results(generation(FD), rows=ROWS | {"datasets": ROWS["datasets"] | {"petals": PETALS}, "variants": {}})


def arm(row, process, forward, reverse, difference, **others):
    line = {"dataset": "shapes", "model": "tiny", "network": NETWORK, "row": row, "process": process}
    line |= {"forward_strength": forward, "reverse_strength": reverse, "map_mean": 0.4, "map_std": 0.2}
    line |= {"difference": difference, "low": math.nan, "high": math.nan, "image_low": difference - 0.02}
    line |= {"image_high": difference + 0.02, "by_seed": f"0:{difference - 0.01} 1:{difference + 0.01}", "n_seeds": 2}
    return line | {"scale": "Experiment smoke: Tiny DDPM on Shapes, 2 seeds"} | others


ARMS = [
    arm("forward", "forward", 0.004, 0.0, 0.08),
    arm("reverse", "reverse", 0.0, 0.01, -0.05),
    arm("both", "both", 0.004, 0.01, 0.03),
    arm("real_map", "both", 0.006, 0.015, 0.05),
    arm("ddpm_ip", "ddpm_ip", 0.00499, 0.0, 0.1),
    arm("both", "both", 0.005, 0.012, 0.2, dataset="petals"),
    arm("both", "both", 0.004, 0.01, 0.7, network="alexnet_conv5_gap"),
]


def draw(arms=ARMS):
    table = pd.DataFrame(arms, columns=dose_response.COLUMNS)
    return figures_dose_response.strength_figure(table, RESULTS)


def points(ax, mark):
    """(x, y) -> opacity of the arms with a mark."""
    found = [line for line in ax.lines if line.get_marker() == mark and len(line.get_xdata()) == 1]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0])): line.get_alpha() for line in found}


def labels(ax):
    return [text for text in ax.texts if text.get_text()]


def test_each_arm_stands_at_its_strength_and_pale_in_the_panel_of_the_other_process():
    forward, reverse = draw().axes
    assert points(forward, "^") == {(0.004, 0.08): 1.0}
    assert points(reverse, "^") == {(0.0, 0.08): figures_dose_response.PALE}
    assert points(forward, "v") == {(0.0, -0.05): figures_dose_response.PALE}
    assert points(reverse, "v") == {(0.01, -0.05): 1.0}
    assert points(forward, "o") == {(0.004, 0.03): 1.0, (0.006, 0.05): 1.0, (0.005, 0.2): 1.0}
    assert points(forward, "*") == {(0.00499, 0.1): 1.0}


def test_only_the_named_network_is_drawn():
    for ax in draw().axes:
        assert all(y != 0.7 for mark in figures_dose_response.MARKS.values() for _, y in points(ax, mark))


def test_seeds_are_dots_and_the_interval_over_images_is_a_thin_line():
    forward = draw().axes[0]
    dots = [list(line.get_ydata()) for line in forward.lines if line.get_marker() == "."]
    assert pytest.approx([0.07, 0.09]) in dots
    thin = [
        list(line.get_ydata()) for line in forward.lines if line.get_marker() == "None" and line.get_linewidth() < 1
    ]
    assert pytest.approx([0.06, 0.1]) in thin
    without = [line | {"image_low": math.nan, "image_high": math.nan} for line in ARMS]
    assert len(draw(without).axes[0].lines) == len(forward.lines) - 6


def test_labels_are_of_the_arms_of_the_panel_and_do_not_overlap():
    many = [arm(f"variant number {k}", "both", 0.004, 0.01, 0.03 + 1e-4 * k) for k in range(20)]
    with style.style():
        figure = draw([*ARMS, *many])
        figure.draw_without_rendering()  # lays it out
    for ax, expected in zip(figure.axes, (25, 24), strict=True):
        boxes = [Text.get_window_extent(text) for text in labels(ax)]
        assert len(boxes) == expected
        bottoms = sorted((box.y0, box.y1) for box in boxes)
        assert all(above[0] > below[1] for below, above in itertools.pairwise(bottoms))
        assert {text.get_text() for text in labels(ax)} >= {"both", "real_map"}
    assert "reverse" not in [text.get_text() for text in labels(figure.axes[0])]


@pytest.mark.parametrize("heights", [[0.5] * 9, [0.0, 0.01, 0.99, 1.0], [1.0] * 5, [0.1, 0.9], []])
def test_labels_keep_their_order_and_distance(heights):
    moved = figures_dose_response.spread(heights, 0.1)
    assert all(np.diff(moved) >= 0.1 - 1e-12)
    assert all(-1e-12 <= height <= 1.0 + 1e-12 for height in moved)


def test_labels_that_are_far_apart_stay():
    assert figures_dose_response.spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])


def test_the_caption_has_the_correlation_of_each_data_set_and_the_number_of_arms():
    told = caption_of(draw())
    found = dose_response.fit(pd.DataFrame(ARMS[:5]))
    assert f"Tiny DDPM on Shapes: 5 arms, r forward {found.r_forward:.2f}, r reverse {found.r_reverse:.2f}" in told
    assert f"R\u00b2 {found.explained:.2f}" in told
    assert "Tiny DDPM on Petals: 1 arm, too few for a correlation" in told
    assert "exploratory" in told
    assert "Experiment smoke: Tiny DDPM on Shapes, 2 seeds" in told
    assert "nan" not in told


def test_nothing_to_draw_is_said():
    assert "No variant is selected" in caption_of(draw([]))
