"""Sizes of planted flaws drawn show what table6.csv holds."""

import pytest

from selfrefine.report.figures import planted_sizes as figures_planted_sizes
from selfrefine.report.figures import style
from selfrefine.report.tables import planted_sizes, table6
from tests.support import tiny_planted
from tests.support.tiny_figures import caption_of, legend_words
from tests.support.tiny_table6 import metrics, results


def draw(measured):
    found = results(measured)
    with style.style():
        return figures_planted_sizes.sizes_figure(table6.lines(found), found)


@pytest.fixture(scope="module")
def measured():
    return [*metrics(("garments", "shoes")), *tiny_planted.lines(), *tiny_planted.lines("shoes", seeds=(0, 1))]


def test_a_row_of_panels_for_each_place_and_a_line_for_each_kind(measured):
    figure = draw(measured)
    assert len(figure.axes) == 2 * len(planted_sizes.AGAINST)
    assert legend_words(figure) == list(planted_sizes.PATCHES.values())
    table = planted_sizes.lines(table6.lines(results(measured)))
    for place, dataset in enumerate(("garments", "shoes")):
        for column, name in enumerate(planted_sizes.AGAINST):
            ax = figure.axes[place * len(planted_sizes.AGAINST) + column]
            lines = [line for line in ax.lines if line.get_label() and len(set(line.get_xdata())) == 2]
            drawn = {line.get_color(): list(line.get_ydata()) for line in lines if list(line.get_xdata()) != [0, 1]}
            part = table[(table["dataset"] == dataset) & (table["figure"] == name)]
            expected = {
                figures_planted_sizes.LOOKS[planted_sizes.PATCHES[kind]]["color"]: list(here["value"])
                for kind, here in part.groupby("kind")
            }
            assert drawn == expected


def test_its_caption_says_experiment_and_seeds(measured):
    assert caption_of(draw(measured)).endswith("Experiment smoke, 2 to 3 seeds.")


def test_without_sizes_it_says_how_to_get_them():
    assert caption_of(draw(metrics())) == planted_sizes.NONE_MEASURED
