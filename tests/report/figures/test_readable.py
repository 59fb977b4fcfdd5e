"""No figure of a large experiment has words that lie on others or are cut, a long caption, or letters too small."""

import pytest
from matplotlib.figure import Figure

from selfrefine.report.figures import style
from tests.support.wide_figures import FIGURES, faults, words

WIDEST = 8.6  # inches that a page of 900 px shows with letters that can be read
LETTERS = 6.0  # points, at least


@pytest.mark.parametrize("name", FIGURES)
def test_no_words_lie_on_others_or_are_cut(name):
    with style.style():
        assert not faults(FIGURES[name]())


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_fits_a_page_and_its_caption_two_lines(name):
    with style.style():
        figure = FIGURES[name]()
        assert figure.get_supxlabel().count("\n") <= 1, figure.get_supxlabel()
        assert figure.get_figwidth() <= WIDEST
        assert min(text.get_fontsize() for text in words(figure)) >= LETTERS


def test_words_on_others_and_words_that_are_cut_are_found():
    figure = Figure(figsize=(2.0, 1.0))
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.52, "other")
    figure.text(0.9, 0.1, "far too long")
    assert faults(figure) == ["cut: 'far too long'", "'other' on 'one'"]
