"""Where a file belongs is its own matter; nothing that train holds is in test."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import folder_splits, image_folder
from selfrefine.data.folder_splits import Note, Photographs

NAMES = [f"folder{index % 7}/photo {index}.png" for index in range(2000)]


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_splits_are_disjoint_whole_and_of_the_asked_share(share: float):
    train, test = folder_splits.split_names(NAMES, share, seed=0)
    assert sorted(train + test) == sorted(NAMES)
    assert abs(len(test) - share * 2000) < 4 * (2000 * share * (1 - share)) ** 0.5


def test_further_files_move_no_others_and_keep_their_order():
    few, many = (folder_splits.split_names(names, 0.2, seed=3) for names in (NAMES[::3], NAMES))
    for before, after in zip(few, many, strict=True):
        assert [name for name in after if name in set(before)] == before


def test_the_order_of_the_files_does_not_matter_and_another_seed_gives_another_split():
    split = folder_splits.split_names(NAMES, 0.2, seed=0)
    assert folder_splits.split_names(NAMES[::-1], 0.2, seed=0) == split
    other = folder_splits.split_names(NAMES, 0.2, seed=1)
    shared = len(set(other[1]) & set(split[1]))
    assert shared < 0.4 * len(split[1])  # chance: 0.2


def test_the_first_files_come_from_all_folders():
    train, test = folder_splits.split_names(sorted(NAMES), 0.2, seed=0)
    for names in (train, test):
        counts = [sum(name.startswith(f"folder{index}/") for name in names[:140]) for index in range(7)]
        assert min(counts) > 5


def test_a_folder_that_comes_split_keeps_its_splits():
    names = [f"{split}/photo {index}.png" for split in ("test", "train") for index in range(20)]
    train, test = folder_splits.split_names(names, None, seed=0)
    assert sorted(test) + sorted(train) == sorted(names)
    assert all(name.startswith("train/") for name in train)
    assert train != sorted(train), "the first n of a seeded order"
    for stray in ("photo.png", "valid/photo.png"):
        with pytest.raises(
            InputError, match=f"{stray}: neither in train nor in test; move it there, or set prepare_da"
        ):
            folder_splits.split_names([*names, stray], None, seed=0)


def test_classes_of_a_folder_that_comes_split_are_the_folders_in_its_splits(tmp_path: Path):
    for index, name in enumerate(["train/bags/1.png", "train/2.png", "test/bags/3.png", "test/t-shirts/4.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / name)
    train, test, _ = folder_splits.read_folder(
        image_folder.image_files(tmp_path), 4, "white", test_share=None, seed=0, max_images=9, label="test"
    )
    found = [
        dict(zip(split.sources, zip(split.labels, split.captions, strict=True), strict=True)) for split in (train, test)
    ]
    assert found[0] == {"train/bags/1.png": (0, "bags"), "train/2.png": (-1, "")}
    assert found[1] == {"test/bags/3.png": (0, "bags"), "test/t-shirts/4.png": (1, "t shirts")}


def test_composed_and_decomposed_letters_are_one_name():
    assert folder_splits.position("caf\u00e9.png", 0) == folder_splits.position("cafe\u0301.png", 0)
    assert 0 <= folder_splits.position("\udcff.png", 0) <= 1  # bytes that are no UTF-8


def photographs(prefix: str, *levels: int) -> Photographs:
    images = np.stack([np.full((4, 4, 3), level, np.uint8) for level in (*levels, 0, 0)])  # and room for two
    return Photographs([f"{prefix}{level}" for level in levels], images)


def test_what_train_holds_leaves_test():
    train, test, notes = folder_splits.move_duplicates(photographs("a", 1, 2, 3), photographs("b", 3, 4, 1, 5))
    assert train.names == ["a1", "a2", "a3", "b3", "b1"]
    assert train.images[:, 0, 0, 0].tolist() == [1, 2, 3, 3, 1]
    assert test.names == ["b4", "b5"]
    assert test.images[:, 0, 0, 0].tolist() == [4, 5]
    assert notes == [
        Note("b3", "moved to train", "same pixels as a3"),
        Note("b1", "moved to train", "same pixels as a1"),
    ]


def test_one_changed_pixel_is_another_image():
    test = photographs("b", 1)
    test.images[0, 0, 0, 0] += 1
    assert folder_splits.move_duplicates(photographs("a", 1), test)[2] == []


def test_labels_and_captions_are_the_sub_folders(tmp_path: Path):
    for index, name in enumerate(["ankle_boots/1.png", "bags/2.png", "bags/old/3.png", "4.png", "t-shirts/5.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / name)
    train, test, notes = folder_splits.read_folder(
        image_folder.image_files(tmp_path), 4, "white", test_share=0.5, seed=0, max_images=9, label="test"
    )
    found = {}
    for split in (train, test):
        found |= dict(zip(split.sources, zip(split.labels, split.captions, strict=True), strict=True))
        assert [image[0, 0, 0] for image in split.images] == [int(Path(str(name)).stem) - 1 for name in split.sources]
    assert found == {
        "ankle_boots/1.png": (0, "ankle boots"),
        "bags/2.png": (1, "bags"),
        "bags/old/3.png": (1, "bags"),
        "4.png": (-1, ""),
        "t-shirts/5.png": (2, "t shirts"),
    }
    assert notes == []
    named = {name: f"caption of {name}" for name in found}
    captioned = folder_splits.read_folder(
        image_folder.image_files(tmp_path),
        4,
        "white",
        test_share=0.5,
        seed=0,
        max_images=9,
        label="test",
        captions=named,
    )
    for split, before in zip(captioned[:2], (train, test), strict=True):
        assert split.captions == [f"caption of {name}" for name in split.sources]
        assert (split.labels, split.sources) == (before.labels, before.sources)
    first, *_ = folder_splits.read_folder(
        image_folder.image_files(tmp_path), 4, "white", test_share=0.5, seed=0, max_images=1, label="test"
    )
    assert first.sources == train.sources[:1]
