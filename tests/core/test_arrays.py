from pathlib import Path

import numpy as np
import pytest

from selfrefine.core import arrays


@pytest.mark.parametrize("length", [1, 4, 5, 9, 10])
def test_the_joined_file_has_the_bytes_of_the_whole_array(tmp_path: Path, length: int):
    whole = np.random.default_rng(0).normal(size=(10, 3, 2)).astype(np.float16)
    parts = [tmp_path / f"{start}.npy" for start in (0, 4, 8)]
    for path, rows in zip(parts, (whole[:4], whole[4:8], whole[8:]), strict=True):
        arrays.write_array(path, rows)
    arrays.join(tmp_path / "joined.npy", parts, length)
    arrays.write_array(tmp_path / "expected.npy", whole[:length])
    assert (tmp_path / "joined.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()
    assert isinstance(arrays.read_array(tmp_path / "joined.npy"), np.memmap)


def test_a_part_that_is_missing_leaves_nothing(tmp_path: Path):
    arrays.write_array(tmp_path / "0.npy", np.zeros((4, 2)))
    with pytest.raises(FileNotFoundError):
        arrays.join(tmp_path / "joined.npy", [tmp_path / "0.npy", tmp_path / "1.npy"], 8)
    assert [path.name for path in tmp_path.iterdir()] == ["0.npy"]
