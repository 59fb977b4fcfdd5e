"""Figure 6: which images stand in which row, under which words."""

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.report.figures import style
from selfrefine.report.figures.figure6_prompts import MOST_LINES, WORDS, prompt_figure
from tests.support.tiny import tiny_images

CAPTIONS = ["a shirt", "a grey photo of an ankle boot", "coat", " ".join(["word"] * 99)]


def figure(captions=CAPTIONS):
    images = tiny_images(6, 16)
    with style.style():
        return prompt_figure({"Baseline": images, "Reverse": images // 2}, captions, "Seed 0.")


def test_rows_are_variants_and_columns_prompts():
    axes = figure().axes
    assert [ax.get_ylabel() for ax in axes] == ["Baseline", "Reverse"]
    labels = [tick.get_text() for tick in axes[0].get_xticklabels()]
    assert labels[:3] == ["a shirt", "a grey photo\nof an ankle\nboot", "coat"]
    assert labels[3].count("\n") == MOST_LINES - 1
    assert labels[3].endswith("...")
    assert all(len(line) <= WORDS for label in labels for line in label.split("\n"))
    assert not axes[1].get_xticklabels()


def test_the_images_are_the_first_ones():
    baseline, reverse = (ax.images[0].get_array() for ax in figure().axes)
    images = tiny_images(6, 16)
    assert baseline.shape == (16, 4 * 16 + 3, 3)
    for number in range(4):
        assert np.allclose(baseline[:, 17 * number : 17 * number + 16], images[number] / 255.0)
        assert np.allclose(reverse[:, 17 * number : 17 * number + 16], (images[number] // 2) / 255.0)


def test_the_caption_says_that_nothing_is_picked():
    words = " ".join(figure().get_supxlabel().split())
    assert "Prompts: captions of test images 0 to 3, not picked." in words
    assert words.endswith("Seed 0.")


def test_more_prompts_than_images_are_one_line():
    with pytest.raises(InputError, match="n_images is 7, but 6 images are made; allowed: at most that"):
        figure(["a shirt"] * 7)
