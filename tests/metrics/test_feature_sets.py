"""Features that may not be compared are refused in one line."""

import numpy as np
import pytest

from selfrefine.core import arrays as core_arrays
from selfrefine.core.errors import InputError
from selfrefine.metrics import feature_sets

ROWS = ("baseline", "both")


def features(n=8, **sizes):
    """Equal rows in each network; `sizes` replace the numbers of features of one row of VGG."""
    shapes = {"baseline": 4, "both": 4} | sizes
    stored = {f"{row}/vgg": np.ones((n, size), np.float32) for row, size in shapes.items()}
    return stored | {f"{row}/alexnet": np.ones((n, 2), np.float32) for row in shapes}


def read(tmp_path, arrays, rows=ROWS, neighbours=3):
    path = tmp_path / "features.npz"
    core_arrays.write_arrays(path, arrays)
    return feature_sets.read([path], rows, neighbours)


def test_features_are_sorted_by_network_and_row(tmp_path):
    stored = np.arange(32, dtype=np.float32).reshape(8, 4)
    spaces = read(tmp_path, features(another=3) | {"both/vgg": stored})
    assert list(spaces) == ["vgg", "alexnet"]
    assert all(list(arrays) == [*ROWS] for arrays in spaces.values())
    assert spaces["vgg"]["both"].dtype == np.float32
    np.testing.assert_array_equal(spaces["vgg"]["both"], stored)


def test_rows_may_stand_in_several_files(tmp_path):
    """Photographs do: they are the same for all seeds."""
    run, real = tmp_path / "run.npz", tmp_path / "real.npz"
    core_arrays.write_arrays(run, features())
    core_arrays.write_arrays(
        real, {f"test/{space}": np.zeros((9, n), np.float32) for space, n in (("vgg", 4), ("alexnet", 2))}
    )
    spaces = feature_sets.read([run, real], (*ROWS, "test"), 3)
    assert {space: [len(array) for array in rows.values()] for space, rows in spaces.items()} == {
        "vgg": [8, 8, 9],
        "alexnet": [8, 8, 9],
    }
    with pytest.raises(InputError, match=r"real.npz: no train/vgg in it"):
        feature_sets.read([run, real], (*ROWS, "train"), 3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"both/vgg": np.ones(3)}, r"both/vgg has the shape \(3,\)"),
        ({"both/vgg": np.array([[1.0] * 4, [np.nan] * 4, [1.0] * 4])}, "both/vgg of image 1 is not finite"),
        ({"both/alexnet": np.array([[np.inf, 1.0]])}, "both/alexnet of image 0 is not finite"),
        (features(both=5), r"both/vgg has \(8, 5\) \(images, features\), but baseline/vgg has \(8, 4\)"),
        ({"both/vgg": np.ones((9, 4))}, "every row needs the same extract_features.n_images"),
    ],
)
def test_unusable_features_are_refused(tmp_path, change, told):
    with pytest.raises(InputError, match=told) as error:
        read(tmp_path, features() | change)
    assert "\n" not in str(error.value)


def test_missing_features_are_refused(tmp_path):
    with pytest.raises(InputError, match="no features in it"):
        read(tmp_path, {})
    with pytest.raises(InputError, match="no forward/vgg in it"):
        read(tmp_path, features(), (*ROWS, "forward"))
    arrays = features()
    del arrays["both/alexnet"]
    with pytest.raises(InputError, match="no both/alexnet in it"):
        read(tmp_path, arrays)


def test_a_broken_archive_is_refused(tmp_path):
    path = tmp_path / "features.npz"
    core_arrays.write_arrays(path, features())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"not a readable \.npz"):
        feature_sets.read([path], ROWS, 3)


def test_neighbours_need_more_images_than_themselves(tmp_path):
    read(tmp_path, features(), neighbours=7)
    with pytest.raises(InputError, match="8 images in a row, 9 or more needed"):
        read(tmp_path, features(), neighbours=8)


def test_digest_is_of_every_value_in_every_network():
    one, other = np.arange(6.0).reshape(3, 2), np.ones((3, 4))
    told = {
        feature_sets.digest([one, other]),
        feature_sets.digest([one + 1e-9, other]),
        feature_sets.digest([one, 2.0 * other]),
        feature_sets.digest([one]),
    }
    assert len(told) == 4
    assert feature_sets.digest([one.copy(order="F"), other]) == feature_sets.digest([one, other])
