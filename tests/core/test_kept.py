"""What a job keeps is what it reads again, or is seen to be damaged, whatever a disk did to it."""

import re

import numpy as np
import pytest

from selfrefine.core import arrays, kept
from selfrefine.core.errors import InputError
from tests.support.damage import DAMAGES

ARRAY = np.arange(100.0)


def write(folder, name="a.b[1].npy", array=ARRAY):
    return kept.write(folder, name, lambda path: arrays.fill_array(path, array))


def test_a_file_is_found_by_its_name_and_no_other(tmp_path):
    first, second = write(tmp_path), write(tmp_path, "a.npy", -ARRAY)
    assert kept.found(tmp_path, "a.b[1].npy") == first
    assert kept.found(tmp_path, "a.npy") == second
    for name in ("b.npy", "a.b.npy", "a.b1.npy", "a.b[1].npz", "*.npy", ""):
        assert kept.found(tmp_path, name) is None
    assert kept.checked(first) == first
    np.testing.assert_array_equal(arrays.read_array(first), ARRAY)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_seen_and_told_in_one_line_and_the_file_can_be_made_again(tmp_path, capsys, damage):
    path = write(tmp_path)
    damage(path)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: damaged .*; run the same again"):
        kept.checked(path)
    assert kept.found(tmp_path, "a.b[1].npy") is None
    assert capsys.readouterr().out == f"{tmp_path}/a.b[1].npy: damaged since it was written: it is made again\n"
    assert list(tmp_path.iterdir()) == []
    assert kept.found(tmp_path, "a.b[1].npy") is None
    assert capsys.readouterr().out == ""
    assert kept.checked(write(tmp_path)) == path


def test_of_a_write_that_fails_nothing_is_left(tmp_path):
    def fail(path):
        path.write_text("half")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        kept.write(tmp_path, "a.npy", fail)
    assert list(tmp_path.iterdir()) == []
