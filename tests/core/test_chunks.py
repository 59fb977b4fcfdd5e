"""Chunks of equal size: their bytes depend on no order of work, and none is made twice."""

import numpy as np
import pytest

from selfrefine.core import chunks


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
