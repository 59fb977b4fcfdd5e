"""Where a file belongs is its own matter; nothing that train holds is in test."""

from pathlib import Path

import numpy as np
from PIL import Image

from selfrefine.data import folder_splits, image_folder
from selfrefine.data.folder_splits import Note, Photographs


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
