"""Chunks of equal size: their bytes depend on no order of work, and none is made twice."""

import re

import numpy as np
import pytest

from selfrefine.core import arrays, chunks, kept
from selfrefine.core.chunks import Made
from selfrefine.core.errors import InputError
from tests.support import full_size
from tests.support.damage import DAMAGES


def squares(asked):
    """Makes squares and notes which numbers it was asked for."""

    def make(numbers):
        asked.append(numbers.tolist())
        return (numbers**2)[:, None]

    return make


@pytest.mark.parametrize(("n", "size"), [(1, 1), (5, 2), (6, 3), (2, 8)])
def test_results_are_those_of_their_numbers_in_chunks_of_one_size(n, size, tmp_path):
    asked = []
    paths = chunks.in_chunks(squares(asked), n, tmp_path, label="squares", chunk_size=size)
    assert chunks.joined(paths, n)[:, 0].tolist() == [number**2 for number in range(n)]
    assert {len(numbers) for numbers in asked} == {size}
    assert [number for numbers in asked for number in numbers] == list(range(len(paths) * size))


def test_after_a_kill_only_the_missing_chunks_are_made(tmp_path, capsys):
    whole = chunks.joined(chunks.in_chunks(squares([]), 10, tmp_path / "whole", label="", chunk_size=4), 10)

    def dies(numbers):
        if 4 in numbers:
            raise KeyboardInterrupt
        return squares([])(numbers)

    with pytest.raises(KeyboardInterrupt):
        chunks.in_chunks(dies, 10, tmp_path / "killed", label="", chunk_size=4)
    asked = []
    paths = chunks.in_chunks(squares(asked), 10, tmp_path / "killed", label="again", chunk_size=4)
    assert asked == [[4, 5, 6, 7], [8, 9, 10, 11]]
    np.testing.assert_array_equal(chunks.joined(paths, 10), whole)
    assert "again: image 10/10" in capsys.readouterr().out


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_damaged_chunk_and_no_other_is_made_again_with_one_line(tmp_path, capsys, number, damage):
    def make():
        asked = []
        return chunks.in_chunks(squares(asked), 10, tmp_path, label="squares", chunk_size=4), asked

    paths, _ = make()
    whole = chunks.joined(paths, 10)[:]
    capsys.readouterr()
    damage(paths[number])
    paths, asked = make()
    assert asked == [list(range(4 * number, 4 * number + 4))]
    np.testing.assert_array_equal(chunks.joined(paths, 10), whole)
    told = capsys.readouterr().out.splitlines()
    name = f"{tmp_path}/chunk{4 * number:08d}.npy"
    assert [line for line in told if "damaged" in line] == [f"{name}: damaged since it was written: it is made again"]


def test_a_chunk_that_is_damaged_while_others_are_made_is_not_used(tmp_path):
    def make(numbers):
        for path in kept.matching(tmp_path, "chunk00000000.npy"):
            DAMAGES["middle"](path)
        return squares([])(numbers)

    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path))}/chunk00000000.*damaged.*run the same again"):
        chunks.in_chunks(make, 8, tmp_path, label="", chunk_size=4)
    asked = []
    paths = chunks.in_chunks(squares(asked), 8, tmp_path, label="", chunk_size=4)
    assert asked == [[0, 1, 2, 3]]
    assert chunks.joined(paths, 8)[:, 0].tolist() == [number**2 for number in range(8)]


@pytest.mark.parametrize(("n", "size"), [(1, 1), (5, 2), (6, 3), (2, 8)])
def test_written_chunk_by_chunk_the_file_is_that_of_the_whole(n, size, tmp_path):
    made = Made(chunks.in_chunks(squares([]), n, tmp_path / "parts", label="squares", chunk_size=size), n)
    made.write(tmp_path / "made.npy")
    arrays.write_array(tmp_path / "whole.npy", made.array())
    assert (tmp_path / "made.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_many_images_are_written_without_being_held(tmp_path):
    """384 images of 256 px, 75 MB, in chunks of 64; of 30,000 it is 5.9 GB (docs/rehearsal.md)."""
    taken = full_size.measure("joined", 384, tmp_path)
    assert taken.disk > 2 * 384 * 256 * 256 * 3
    assert taken.bytes < 384 * 256 * 256 * 3 * 0.7
