"""The search space drawn shows what sweep.csv holds."""

import math

import pandas as pd
import pytest

from selfrefine.report.figures import style
from selfrefine.report.figures import sweep as figures_sweep
from selfrefine.report.tables import sweep
from tests.support.tiny_figures import caption_of, legend_words
from tests.support.tiny_sweep import RUNS, run, sweep_results


@pytest.fixture(scope="module")
def lines():
    ratios = [run(row, "short", seed) for row in ("baseline", "both") for seed in (0, 1)]
    return sweep.lines(sweep_results([*RUNS, *ratios]))


def draw(lines):
    with style.style():
        return figures_sweep.sweep_figure(lines, sweep_results(RUNS))


def curves(ax):
    """The lines through more than one point: (colour, dashes) -> x and y."""
    found = [line for line in ax.lines if line.get_marker() in figures_sweep.MARKS.values()]
    return {
        (line.get_color(), line.get_linestyle()): (list(line.get_xdata()), list(line.get_ydata())) for line in found
    }


def test_one_panel_for_each_factor_on_a_logarithmic_axis(lines):
    axes = draw(lines).axes
    assert [ax.get_title() for ax in axes] == list(sweep.FACTORS.values())
    assert {ax.get_xscale() for ax in axes} == {"log"}
    ticks = [[label.get_text() for label in ax.get_xticklabels()] for ax in axes]
    assert ticks == [["10", "100"], ["1:4", "1:1"], ["0.01", "0.1"], ["0.025", "0.1"]]


def test_a_series_goes_through_its_differences_and_processes_have_their_colours(lines):
    cycle, _, forward, reverse = draw(lines).axes
    ((x, y),) = curves(cycle).values()
    assert x == pytest.approx([10, 100])
    assert y == pytest.approx([math.log(12 / 10), math.log(11 / 10)])
    assert {colour for colour, _ in curves(forward)} == {figures_sweep.COLOURS[name] for name in ("both", "forward")}
    (one, other) = curves(reverse)
    assert one[0] == other[0] == figures_sweep.COLOURS["reverse"]
    assert one[1] != other[1]  # the uniform map is dashed


def test_two_series_of_a_panel_stand_aside_of_each_other(lines):
    (one, _), (other, _) = curves(draw(lines).axes[2]).values()
    assert [b / a for a, b in zip(one, other, strict=True)] == pytest.approx([figures_sweep.APART] * 2)


def test_intervals_over_images_are_thin_those_over_seeds_thick(lines):
    def widths(lines):
        upright = [line for line in draw(lines).axes[0].lines if len(set(line.get_xdata())) == 1]
        return [line.get_linewidth() for line in upright if len(line.get_xdata()) == 2 and line.get_marker() == "None"]

    assert widths(lines).count(4.0) == 2
    assert widths(lines).count(0.9) == 2
    assert widths(lines.assign(image_difference_low=math.nan)).count(0.9) == 0
    first = [run for run in RUNS if run.config["names"]["seed"] == "0"]
    alone = sweep.lines(sweep_results(first, seeds=1))
    assert widths(alone).count(4.0) == 0


def test_the_papers_choice_is_marked(lines):
    for ax, choice in zip(draw(lines).axes, sweep.PAPER_CHOICE.values(), strict=True):
        assert any(list(line.get_xdata()) == [choice, choice] for line in ax.lines)


def test_a_model_without_a_factor_leaves_its_panel_empty(lines):
    other = lines[lines["factor"] == "cycle"].assign(family="stranger", model="stranger")
    axes = draw(pd.concat([lines, other])).axes
    assert len(axes) == 8
    assert [bool(curves(ax)) for ax in axes[4:]] == [True, False, False, False]


def test_caption_and_legend_tell_scale_and_series(lines):
    figure = draw(lines)
    told = caption_of(figure)
    assert "Experiment sweep" in told
    assert "Exploratory" in told
    assert legend_words(figure)[:4] == ["both", "forward", "reverse", "reverse, map uniform"]


def test_an_experiment_without_sweep_says_why_there_is_no_figure():
    assert " ".join(caption_of(draw(sweep.lines(sweep_results(RUNS[:2])))).split()) == sweep.NONE_SELECTED
