"""Figure 7: which images stand in which row, and that known pixels are shown and unknown ones are not."""

import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.diffusion import inpainting_masks
from selfrefine.report.figures import style
from selfrefine.report.figures.figure7_inpainting import HOLE, Block, inpainting_figure
from tests.support.tiny import tiny_images


def figure(n=4, kinds=("wide", "alternating")):
    photographs = tiny_images(6, 16)
    blocks = {
        kind.title(): Block(
            inpainting_masks.first_masks(kind, "native", 16, 6, 0),
            {"Baseline": photographs // 2, "Both": photographs // 3},
        )
        for kind in kinds
    }
    with style.style():
        return inpainting_figure(photographs[:n], blocks, "Seed 0.")


def test_each_kind_of_mask_has_a_block_of_rows():
    axes = figure().axes
    labels = [ax.get_ylabel() for ax in axes]
    assert labels == ["Photograph", "Known pixels", "Baseline", "Both"] * 2
    assert [ax.get_title(loc="left").strip() for ax in axes if ax.get_title(loc="left")] == ["Wide", "Alternating"]
    assert [tick.get_text() for tick in axes[0].get_xticklabels()] == ["0", "1", "2", "3"]


def test_unknown_pixels_have_the_colour_of_holes():
    photographs, known, baseline, _ = (ax.images[0].get_array() for ax in figure(kinds=("wide",)).axes)
    first = inpainting_masks.first_masks("wide", "native", 16, 1, 0)[0] == 255
    assert np.array_equal(known[:, :16][first], photographs[:, :16][first])
    assert np.allclose(known[:, :16][~first], HOLE)
    assert np.allclose(baseline[:, :16], tiny_images(1, 16)[0] // 2 / 255)


def test_more_columns_than_images_are_one_line():
    with pytest.raises(InputError, match="n_images is 6, but 2 images are inpainted"):
        inpainting_figure(tiny_images(6), {"Wide": Block(np.zeros((2, 8, 8), np.uint8), {})}, "")
