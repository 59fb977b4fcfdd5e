"""Masks against LaMa's published parameters: how often, how large; and against OpenCV's drawing of the same strokes."""

import random

import cv2
import numpy as np
import pytest
import torch

from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import inpainting_masks

KINDS = ("wide", "narrow", "alternating")


def proposals(kind, size=16, n=400):
    found = [inpainting_masks.propose(kind, size, random_streams.stream(1, "masks", image)) for image in range(n)]
    return np.stack([hole for hole, _ in found]), np.array([by_strokes for _, by_strokes in found])


def shares(known):
    return 1.0 - known.reshape(len(known), -1).mean(axis=1) / 255.0


def test_wide_masks_have_strokes_and_boxes_as_often_as_published():
    _, by_strokes = proposals("wide")
    expected = 1.0 / 1.3
    assert abs(by_strokes.mean() - expected) < 3 * (expected * (1 - expected) / len(by_strokes)) ** 0.5
    assert proposals("narrow", n=30)[1].all()


def test_boxes_have_the_published_sides_and_stay_within_the_margin():
    """The expected area of one, two or three boxes, by drawing them again with numpy alone."""
    holes, by_strokes = proposals("wide", size=256, n=300)
    boxes = holes[~by_strokes]
    assert not boxes[:, :10].any()
    assert not boxes[:, :, -10:].any()
    assert boxes.reshape(len(boxes), -1).any(axis=1).all()
    draws = np.random.default_rng(0)
    areas = []
    for _ in range(2000):
        hole = np.zeros((256, 256), bool)
        for _ in range(draws.integers(1, 4)):
            sides = draws.integers(30, 151, 2)
            top, left = (draws.integers(10, 256 - 10 - side + 1) for side in sides)
            hole[top : top + sides[0], left : left + sides[1]] = True
        areas.append(hole.mean())
    error = np.std(areas) / len(boxes) ** 0.5
    assert abs(boxes.mean() - np.mean(areas)) < 3 * error


def opencv_strokes(draws, times, length, width):
    """Strokes of LaMa's parameters, drawn by OpenCV."""
    hole = np.zeros((256, 256), np.float32)
    for _ in range(draws.randint(*times)):
        at = np.array([draws.randrange(256), draws.randrange(256)])
        for number in range(draws.randint(1, 5)):
            angle = 0.01 + draws.randrange(4)
            angle = 2 * np.pi - angle if number % 2 == 0 else angle
            step = (10 + draws.randrange(length)) * np.array([np.sin(angle), np.cos(angle)])
            to = np.clip((at + step).astype(int), 0, 256)
            cv2.line(hole, tuple(map(int, at)), tuple(map(int, to)), 1.0, 5 + draws.randrange(width))
            at = to
    return hole.mean()


@pytest.mark.parametrize(("kind", "parameters"), [("wide", ((1, 6), 200, 100)), ("narrow", ((4, 51), 40, 10))])
def test_strokes_cover_as_much_as_drawn_by_opencv(kind, parameters):
    holes, by_strokes = proposals(kind, size=256, n=250 if kind == "wide" else 60)
    ours = holes[by_strokes].reshape(by_strokes.sum(), -1).mean(axis=1)
    draws = random.Random(0)
    theirs = np.array([opencv_strokes(draws, *parameters) for _ in range(400)])
    error = (ours.var() / len(ours) + theirs.var() / len(theirs)) ** 0.5
    assert abs(ours.mean() - theirs.mean()) < 3 * error
    assert abs(ours.std() / theirs.std() - 1) < 0.3


def test_a_line_is_as_long_and_as_wide_as_told():
    hole = np.zeros((256, 256), bool)
    inpainting_masks._draw_line(hole, np.array([100.0, 50.0]), np.array([100.0, 150.0]), 20.0)
    assert hole.sum() == pytest.approx(100 * 20 + np.pi * 10**2, rel=0.01)  # round ends
    small = np.zeros((16, 16), bool)
    inpainting_masks._draw_line(small, np.array([8.0, 8.0]), np.array([248.0, 248.0]), 5.0)
    assert small.diagonal()[1:-1].all()  # no gaps, though it is a third of a pixel wide


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [16, 128])
def test_masks_are_binary_and_hide_at_most_half(kind, size):
    known = inpainting_masks.first_masks(kind, "native", size, 40, 0)
    assert (known.shape, known.dtype) == ((40, size, size), np.uint8)
    assert set(np.unique(known)) == {0, 255}
    assert shares(known).max() <= 0.5
    assert shares(known).min() > 0.0


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_the_mean_hole_is_as_large_at_128_as_at_256(kind):
    large, small = (shares(inpainting_masks.first_masks(kind, "native", size, 40, 0)) for size in (256, 128))
    assert 0.18 < large.mean() < 0.34
    assert small.mean() == pytest.approx(large.mean(), abs=0.01)  # the same strokes
    assert np.corrcoef(large, small)[0, 1] > 0.99


def test_narrow_masks_are_narrower_than_wide_ones():
    """Of the hole's pixels, the share whose neighbours above and below are known."""
    edges = {}
    for kind in ("wide", "narrow"):
        hole = inpainting_masks.first_masks(kind, "native", 128, 40, 0) == 0
        edges[kind] = (hole[:, 1:] != hole[:, :-1]).sum() / hole.sum()
    assert edges["narrow"] > 2 * edges["wide"]


@pytest.mark.parametrize("kind", ["wide", "narrow"])
def test_an_image_has_its_own_mask_and_always_the_same(kind):
    few, many = (inpainting_masks.first_masks(kind, "native", 32, n, 0) for n in (5, 12))
    assert np.array_equal(few, many[:5])
    assert len(np.unique(many.reshape(12, -1), axis=0)) == 12
    assert not np.array_equal(inpainting_masks.first_masks(kind, "native", 32, 5, 1), few)


def test_every_second_row_is_unknown():
    known = inpainting_masks.first_masks("alternating", "native", 6, 2, 0)
    assert (known[:, 0::2] == 255).all()
    assert (known[:, 1::2] == 0).all()


def test_box_averages_are_those_of_the_mask_at_256_px():
    for image in range(5):
        fine, coarse = (inpainting_masks.first_masks("wide", "box256", size, image + 1, 0)[image] for size in (256, 64))
        expected = cv2.resize(fine.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(coarse - expected).max() <= 0.5
    assert len(np.unique(coarse)) > 2


def test_the_authors_path_makes_alternating_lines_a_constant():
    """Method 5.4: every pixel half known, 128 of 255."""
    assert set(np.unique(inpainting_masks.first_masks("alternating", "box256", 128, 1, 0))) == {128}


@pytest.mark.parametrize(
    ("kind", "resolution", "size", "told"),
    [
        ("thick", "native", 16, "kind is 'thick'; allowed: alternating, wide, narrow"),
        ("wide", "box", 16, "resolution is 'box'; allowed: native, box256"),
        ("wide", "box256", 28, "no multiple of the images' 28 px"),
    ],
)
def test_what_does_not_fit_is_one_line(kind, resolution, size, told):
    with pytest.raises(InputError, match=told) as error:
        inpainting_masks.draw(kind, resolution, size, torch.Generator())
    assert "\n" not in str(error.value)
