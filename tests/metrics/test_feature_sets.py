"""Features that may not be compared are refused in one line."""

from pathlib import Path

import numpy as np
import pytest

from selfrefine import files
from selfrefine.errors import InputError
from selfrefine.metrics import feature_sets


def features(n=8, **sizes):
    return {name: np.ones((n, size)) for name, size in (sizes or {"vgg": 4, "alexnet": 2}).items()}


def read(tmp_path, arrays):
    path = tmp_path / "features.npz"
    files.write_arrays(path, arrays)
    return feature_sets.read(path)


def test_features_are_read_as_float64(tmp_path):
    stored = np.arange(6, dtype=np.float32).reshape(3, 2)
    spaces = read(tmp_path, {"vgg": stored})
    assert spaces["vgg"].dtype == np.float64
    np.testing.assert_array_equal(spaces["vgg"], stored)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({}, "no features"),
        ({"vgg": np.ones(3)}, r"vgg has the shape \(3,\)"),
        ({"vgg": np.array([[1.0], [np.nan], [1.0]])}, "vgg of image 1 is not finite"),
        ({"vgg": np.array([[np.inf], [1.0]])}, "vgg of image 0 is not finite"),
    ],
)
def test_unusable_features_are_refused(tmp_path, arrays, told):
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, arrays)
    assert "\n" not in str(error.value)


def test_a_broken_archive_is_refused(tmp_path):
    path = tmp_path / "features.npz"
    files.write_arrays(path, {"vgg": np.ones((8, 4))})
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        feature_sets.read(path)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (features(vgg=4), r"b\.npz has the feature spaces vgg, but a\.npz has alexnet, vgg"),
        (features(n=9), "every row needs the same extract_features.n_images"),
        (features(vgg=5, alexnet=2), r"\(8, 5\)"),
    ],
)
def test_sets_that_differ_are_refused(other, told):
    with pytest.raises(InputError, match=told) as error:
        feature_sets.check_comparable({Path("a.npz"): features(), Path("b.npz"): other}, neighbours=3)
    assert "\n" not in str(error.value)


def test_neighbours_need_more_images_than_themselves():
    sets = {Path("a.npz"): features(), Path("b.npz"): features()}
    feature_sets.check_comparable(sets, neighbours=7)
    with pytest.raises(InputError, match="has 8 images, 9 or more needed"):
        feature_sets.check_comparable(sets, neighbours=8)
