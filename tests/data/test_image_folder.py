"""Which files of a folder count, and what its digest notices."""

import os
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import image_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.PNG", "cats/a.jpeg", "cats/deep/c.tif", "notes.txt", "cats/.half.jpg", ".cache/d.png", "e"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"some bytes")
    return tmp_path / "photos"


def test_images_are_found_at_any_depth_in_order_of_their_names(folder: Path):
    found = image_folder.image_files(folder)
    assert list(found) == ["b.PNG", "cats/a.jpeg", "cats/deep/c.tif"]
    assert all(found[name] == folder / name for name in found)


def test_a_missing_folder_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(InputError, match=r"/none: no such folder; put the images there, or edit prepare_data.folder"):
        image_folder.image_files(tmp_path / "none")


def later(path: Path) -> None:
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def larger_at_the_same_time(path: Path) -> None:
    state = path.stat()
    path.write_bytes(b"other bytes")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: later(folder / "cats" / "a.jpeg"),
        lambda folder: larger_at_the_same_time(folder / "b.PNG"),
        lambda folder: (folder / "b.PNG").unlink(),
        lambda folder: (folder / "b.PNG").rename(folder / "c.PNG"),
        lambda folder: (folder / "new.gif").write_bytes(b""),
        lambda folder: (folder / "captions.csv").write_bytes(b""),
    ],
    ids=["time", "size", "removed", "renamed", "added", "captioned"],
)
def test_the_digest_changes_with_an_image(folder: Path, change):
    before = image_folder.digest(folder)
    assert image_folder.digest(folder) == before
    change(folder)
    assert image_folder.digest(folder) != before


def test_the_digest_is_that_of_the_images_alone_wherever_they_lie(folder: Path):
    before = image_folder.digest(folder)
    later(folder / "notes.txt")
    (folder / ".DS_Store").write_bytes(b"")
    folder.rename(folder.with_name("moved"))
    assert image_folder.digest(folder.with_name("moved")) == before
