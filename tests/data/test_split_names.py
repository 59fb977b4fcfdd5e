"""Where a file belongs is its own matter."""

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import split_names

NAMES = [f"folder{index % 7}/photo {index}.png" for index in range(2000)]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_splits_are_disjoint_whole_and_of_the_asked_share(share: float):
    train, test = split_names.split_names(NAMES, share, seed=0)
    assert sorted(train + test) == sorted(NAMES)
    assert abs(len(test) - share * 2000) < 4 * (2000 * share * (1 - share)) ** 0.5


def test_further_files_move_no_others_and_keep_their_order():
    few, many = (split_names.split_names(names, 0.2, seed=3) for names in (NAMES[::3], NAMES))
    for before, after in zip(few, many, strict=True):
        assert [name for name in after if name in set(before)] == before


def test_the_order_of_the_files_does_not_matter_and_another_seed_gives_another_split():
    split = split_names.split_names(NAMES, 0.2, seed=0)
    assert split_names.split_names(NAMES[::-1], 0.2, seed=0) == split
    other = split_names.split_names(NAMES, 0.2, seed=1)
    shared = len(set(other[1]) & set(split[1]))
    assert shared < 0.4 * len(split[1])  # chance: 0.2


def test_the_first_files_come_from_all_folders():
    train, test = split_names.split_names(sorted(NAMES), 0.2, seed=0)
    for names in (train, test):
        counts = [sum(name.startswith(f"folder{index}/") for name in names[:140]) for index in range(7)]
        assert min(counts) > 5


def test_a_folder_that_comes_split_keeps_its_splits():
    names = [f"{split}/photo {index}.png" for split in ("test", "train") for index in range(20)]
    train, test = split_names.split_names(names, None, seed=0)
    assert sorted(test) + sorted(train) == sorted(names)
    assert all(name.startswith("train/") for name in train)
    assert train != sorted(train), "the first n of a seeded order"
    for stray in ("photo.png", "valid/photo.png"):
        with pytest.raises(
            InputError, match=f"{stray}: neither in train nor in test; move it there, or set prepare_da"
        ):
            split_names.split_names([*names, stray], None, seed=0)


def test_composed_and_decomposed_letters_are_one_name():
    assert split_names.position("caf\u00e9.png", 0) == split_names.position("cafe\u0301.png", 0)
    assert 0 <= split_names.position("\udcff.png", 0) <= 1  # bytes that are no UTF-8
