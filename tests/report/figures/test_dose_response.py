"""FD against strength shows what strength.csv holds."""

import math

import pandas as pd
import pytest

from selfrefine.report.figures import dose_response as figures_dose_response
from selfrefine.report.tables import dose_response
from tests.support.tiny_figures import caption_of
from tests.support.tiny_metrics import FD, ROWS, generation
from tests.support.tiny_results import tiny_results

NETWORK = "vgg16_conv5_gap"
PETALS = {"title": "Petals", "main_model": "tiny"}
RESULTS = tiny_results(generation(FD), rows=ROWS | {"datasets": ROWS["datasets"] | {"petals": PETALS}})


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


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_each_arm_stands_at_its_strength_and_pale_in_the_panel_of_the_other_process():
    forward, reverse = draw().axes[:2]
    assert points(forward, "^") == {(0.004, 0.08): 1.0}
    assert points(reverse, "^") == {(0.0, 0.08): figures_dose_response.PALE}
    assert points(forward, "v") == {(0.0, -0.05): figures_dose_response.PALE}
    assert points(reverse, "v") == {(0.01, -0.05): 1.0}
    assert points(forward, "o") == {(0.004, 0.03): 1.0, (0.006, 0.05): 1.0, (0.005, 0.2): 1.0}
    assert points(forward, "*") == {(0.00499, 0.1): 1.0}


def test_only_the_named_network_is_drawn():
    for ax in draw().axes[:2]:
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


def test_every_arm_is_named_once_below_with_both_strengths_and_the_highest_difference_first():
    figure = draw()
    forward, reverse, difference = figure.axes[2:5]
    assert names(forward) == ["ddpm_ip", "forward", "real_map", "Forward + reverse", "reverse"]
    assert points(forward, "^") == {(0.004, 1.0): None}
    assert points(forward, "v") == {}, "an arm without the process has no strength of it"
    assert points(reverse, "v") == {(0.01, 4.0): None}
    assert points(reverse, "o") == {(0.015, 2.0): None, (0.01, 3.0): None}
    assert [x for x, _ in points(difference, "|")] == [0.1, 0.08, 0.05, 0.03, -0.05]
    assert names(figure.axes[5]) == ["Forward + reverse"]


def test_each_data_set_is_headed_by_its_correlations_and_its_number_of_arms():
    figure = draw()
    found = dose_response.fit(pd.DataFrame(ARMS[:5]))
    first, second = ("".join(text.get_text() for text in figure.axes[place].texts) for place in (2, 5))
    assert first.startswith(f"Tiny DDPM on Shapes: 5 arms, r forward {found.r_forward:.2f}, r reverse ")
    assert first.endswith(f"both explain R\u00b2 {found.explained:.2f}")
    assert second == "Tiny DDPM on Petals: 1 arm, too few for r"
    told = caption_of(figure)
    assert "exploratory" in told
    assert told.endswith("Experiment smoke, 2 seeds.")
    assert "nan" not in told


def test_nothing_to_draw_is_said():
    assert "No variant is selected" in caption_of(draw([]))
