"""Pixels decide which images are held out; photographs are none of the marked images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import held_out
from selfrefine.data.human_marks import HumanMarks
from tests.support.marked_sets import image, square

SHARES = [square(1.0, dtype=np.float16), np.ones((12, 12), np.float16), np.zeros((12, 12), np.float16), None]


def marks(count: int) -> HumanMarks:
    """Images with some, all, none of their pixels marked, and those that nobody was asked of, in turn."""
    images = np.stack([image(number) for number in range(count)])
    digests = [f"{number:064x}" for number in range(count)]
    return HumanMarks([f"all/{n}" for n in range(count)], images, digests, [SHARES[n % 4] for n in range(count)], [])


def test_only_images_with_marked_and_unmarked_places_are_held_out_and_all_others_learned_from() -> None:
    tested, learned = held_out.divide(marks(40), 6, 0)
    assert len(tested) == 6
    assert (tested % 4 == 0).all()
    assert sorted([*tested, *learned]) == list(range(40))


def test_another_seed_holds_out_others_and_the_order_of_files_means_nothing() -> None:
    found = marks(80)
    tested = {found.digests[row] for row in held_out.divide(found, 8, 0)[0]}
    turned = HumanMarks(found.names[::-1], found.images[::-1], found.digests[::-1], found.marks[::-1], [])
    assert {turned.digests[row] for row in held_out.divide(turned, 8, 0)[0]} == tested
    assert {found.digests[row] for row in held_out.divide(found, 8, 1)[0]} != tested


@pytest.mark.parametrize(("count", "asked", "most"), [(40, 11, 10), (12, 3, 2), (8, 2, 0)])
def test_what_is_asked_must_be_there_and_ten_be_left(count: int, asked: int, most: int) -> None:
    with pytest.raises(
        InputError, match=f"n_evaluated is {asked}; allowed: at most {most}, since {count // 4} of {count}"
    ):
        held_out.divide(marks(count), asked, 0)


def test_photographs_are_as_many_as_are_wanted_and_their_names_decide(tmp_path: Path) -> None:
    for number in range(30):
        Image.fromarray(image(100 + number)).save(tmp_path / f"{number}.png")
    found = held_out.photographs(tmp_path, marks(4), 12, 12, 0, "photographs")
    assert found.shape == (12, 12, 12, 3)
    assert np.array_equal(found, held_out.photographs(tmp_path, marks(4), 12, 12, 0, "photographs"))
    assert not np.array_equal(found, held_out.photographs(tmp_path, marks(4), 12, 12, 1, "photographs"))
    assert len(held_out.photographs(tmp_path, marks(4), 99, 12, 0, "photographs")) == 30
