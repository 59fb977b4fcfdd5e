"""Maps that are compared: of known correlation, constant, and of a real highlighter in both precisions."""

import numpy as np
import pytest

from selfrefine.cost import map_agreement
from selfrefine.cost.map_agreement import compared

MAPS = np.random.default_rng(0).random((3, 8, 8), dtype=np.float32)


def test_equal_maps_agree():
    found = compared(MAPS, MAPS)
    assert [found["r"], found["mean_r"]] == pytest.approx([1.0, 1.0])
    assert (found["flat"], found["difference"], found["mean_difference"]) == (0, 0.0, 0.0)


def test_the_worst_image_and_the_largest_pixel_are_told():
    other = MAPS.copy()
    other[1] = 1.0 - other[1]
    found = compared(MAPS, other)
    assert found["r"] == pytest.approx(-1.0)
    assert found["difference"] == pytest.approx(float(np.abs(MAPS[1] - other[1]).max()))
    assert found["mean_difference"] == pytest.approx(float(np.abs(MAPS[1] - other[1]).max()) / 3, rel=1e-5)
    assert -1.0 < found["mean_r"] < 1.0


@pytest.mark.parametrize("value", [0.0, 0.5, np.nan])
@pytest.mark.parametrize("which", [0, 1])
def test_a_map_that_is_constant_or_no_number_has_no_correlation(value, which):
    pair = [MAPS, MAPS.copy()]
    pair[1][2] = value
    found = compared(pair[which], pair[1 - which])
    assert found["flat"] == 1
    assert found["r"] == pytest.approx(1.0)
    assert (found["difference"] is None) == np.isnan(value)
    flat = np.full_like(MAPS, value)
    assert compared(flat, MAPS)["r"] is None


def test_a_highlighter_of_random_weights_shows_places_in_both_precisions():
    told = []
    map_agreement.measure({16: 32, 24: 64}, "cpu", lambda section, line: told.append((section, line)))
    assert [(section, line["size"], line["input_size"]) for section, line in told] == [
        ("maps", 16, 32),
        ("maps", 24, 64),
    ]
    for _, line in told:
        assert line["flat"] <= map_agreement.IMAGES // 4
        assert 0.5 < line["r"] < 1.0
        assert 0.9 < line["mean_r"] < 1.0
        assert 0.0 < line["mean_difference"] < line["difference"] <= 1.0
