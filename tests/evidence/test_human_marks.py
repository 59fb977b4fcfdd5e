"""Maps against marks: closed forms, sklearn, brute force, and marks whose truth is known."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from selfrefine.evidence import human_marks, human_picks
from selfrefine.evidence.human_marks import Maps, areas_under, highest, mean, measure


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([5, 4, 3, 2, 1], [1, 1, 1, 0, 0]),
        ([5, 3, 3, 3, 1], [1, 2 / 3, 2 / 3, 2 / 3, 0]),
        ([5, 5, 1, 1, 1], [1, 1, 1 / 3, 1 / 3, 1 / 3]),
        ([0, 0, 0, 0, 0], [3 / 5] * 5),
        ([2, 2, 2, 2, 1], [3 / 4] * 4 + [0]),
    ],
)
def test_among_equal_cells_the_choice_is_random(cells: list[float], expected: list[float]) -> None:
    found = highest(np.array([cells, cells], np.float64) * 0.3)
    np.testing.assert_allclose(found, np.array([expected] * 2) / 3.0)


def test_the_choice_is_that_of_picks_of_people() -> None:
    """Each way of picking three cells, by the module that counts people's picks, is marked as that pick."""
    draws = np.random.default_rng(0)
    values = draws.integers(0, 3, (20, 6)).astype(np.float64)
    for pick in itertools.combinations(range(6), 3):
        marked = np.zeros(6)
        marked[list(pick)] = 1.0
        shares = human_picks.matches(np.array([pick]), values).share[0]
        np.testing.assert_allclose(highest(values) @ marked, shares)


def test_areas_are_those_of_sklearn_for_every_pair_with_ties() -> None:
    draws = np.random.default_rng(1)
    values = draws.integers(0, 5, (4, 50)).astype(np.float32)
    values[3] = 7.0
    marked = draws.random((4, 50)) < 0.3
    found = areas_under(values, marked)
    for image, some_map in itertools.product(range(4), range(4)):
        assert found[image, some_map] == pytest.approx(roc_auc_score(marked[image], values[some_map]), abs=1e-6)
    np.testing.assert_allclose(found[:, 3], 0.5)


def test_areas_of_large_maps_keep_their_digits() -> None:
    draws = np.random.default_rng(2)
    values, marked = draws.random((2, 256 * 256)), draws.random((2, 256 * 256)) < 0.4
    values += 0.01 * marked
    expected = [roc_auc_score(marked[row], values[row]) for row in range(2)]
    np.testing.assert_allclose(np.diag(areas_under(values, marked)), expected, atol=1e-5)


SIDE, PIXELS = 6, 24


def blocks(cells: np.ndarray) -> Maps:
    """Cells (N, n) as maps whose pixels are their cells'."""
    square = cells.reshape(-1, SIDE, SIDE)
    return Maps(cells, square.repeat(4, axis=1).repeat(4, axis=2).reshape(len(cells), -1))


def marks(count: int, seed: int, centred: float = 0.0) -> np.ndarray:
    """Five cells marked in each image, more often in the middle of the numbers if they are centred."""
    draws = np.random.default_rng(seed)
    odds = np.exp(-centred * np.abs(np.arange(SIDE**2) - SIDE**2 / 2))
    found = np.zeros((count, SIDE**2))
    for row in found:
        row[draws.choice(SIDE**2, 5, replace=False, p=odds / odds.sum())] = 1.0
    return found


def test_a_map_that_knows_the_place_is_told_from_one_that_knows_the_middle() -> None:
    marked = marks(60, 0, centred=0.2)
    knowing, centre = blocks(marked), blocks(np.tile(marked.mean(axis=0), (60, 1)))
    found = measure(knowing, {"centre": centre}, blocks(marked), 0)
    assert found["flaw"]["share"].value == pytest.approx(1.0)
    assert found["flaw"]["pixel_roc_auc"].value == pytest.approx(1.0)
    assert found["chance"]["share"].value == pytest.approx(5 / 36)
    assert found["another_image"]["share_difference"].low > 0.3
    only_middle = measure(centre, {}, blocks(marked), 0)
    assert only_middle["flaw"]["share"].value > 2 * only_middle["chance"]["share"].value, "far above chance"
    assert only_middle["another_image"]["share_difference"].value == pytest.approx(0.0), (
        "and knows no image's own place"
    )
    assert only_middle["another_image"]["pixel_roc_auc_difference"].value == pytest.approx(0.0)


def test_the_maps_of_the_other_images_are_all_of_them() -> None:
    draws = np.random.default_rng(3)
    flaw, marked = draws.random((7, SIDE**2)), marks(7, 1)
    found = measure(blocks(flaw), {}, blocks(marked), 0)["another_image"]
    others = [(i, j) for i in range(7) for j in range(7) if i != j]
    shares = [marked[i] @ highest(flaw[j : j + 1])[0] for i, j in others]
    areas = [roc_auc_score(marked[i], flaw[j]) for i, j in others]
    assert found["share"].value == pytest.approx(np.mean(shares))
    assert found["pixel_roc_auc"].value == pytest.approx(np.mean(areas), abs=1e-6)


def test_a_map_without_evidence_is_chance() -> None:
    found = measure(blocks(np.zeros((9, SIDE**2))), {}, blocks(marks(9, 2)), 0)
    for metric in ("share", "pixel_roc_auc"):
        assert found["flaw"][metric].value == pytest.approx(found["chance"][metric].value)
        assert found["chance"][f"{metric}_difference"].value == pytest.approx(0.0)


def test_images_without_a_pixel_that_is_mostly_marked_have_a_share_and_no_order() -> None:
    faint = blocks(0.4 * marks(5, 3))
    found = measure(blocks(marks(5, 4)), {}, Maps(faint.cells, faint.pixels), 0)
    assert found["chance"]["share"].value == pytest.approx(0.4 * 5 / 36)
    assert np.isnan(found["flaw"]["pixel_roc_auc"].value)


def test_intervals_over_images_cover() -> None:
    """Of 200 draws of 60 images, the paired difference to other images' maps: 90 to 97 % hold the truth."""
    truth, covered = None, 0
    for seed in range(-1, 200):
        count = 1500 if seed < 0 else 60
        draws, marked = np.random.default_rng(seed + 1), marks(count, seed + 1000, centred=0.1)
        seen = marked + draws.normal(0.0, 0.7, marked.shape)
        shares = marked @ highest(seen).T
        difference = np.diag(shares) - human_picks.of_others(shares, np.arange(count))
        if truth is None:
            truth = difference.mean()
        else:
            estimate = mean(difference, seed)
            covered += estimate.low <= truth <= estimate.high
    assert 0.90 <= covered / 200 <= 0.97


def test_figures_without_spread_have_no_interval() -> None:
    assert np.isnan(mean(np.full(9, 0.25), 0).low)
    assert np.isnan(mean(np.array([0.25]), 0).low)
    assert np.isnan(human_marks.mean(np.zeros(0), 0).value)
