"""Everything in a folder is an image or has a reason; what its digest notices."""

import os
import socket
import threading
from pathlib import Path

import pytest
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import folder_splits, image_folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the cache of digests is in the working folder
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


# -- what is in a folder -----------------------------------------------------------------------------------------------

WRITTEN = {  # name: format of PIL
    **{
        f"photo.{suffix}": suffix.upper()
        for suffix in ("png", "webp", "gif", "bmp", "tiff", "avif", "ppm", "tga", "ico")
    },
    **{f"photo.{suffix}": "JPEG" for suffix in ("jpg", "JPEG", "jpe", "jfif")},
    **{f"photo.{suffix}": "JPEG2000" for suffix in ("jp2", "j2k")},
    **dict.fromkeys(("no ending", "photo.png_large", "photo.download", "résumé 1", "a.b.c"), "PNG"),
    **{f"no ending {kind}": kind for kind in ("JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000", "ICO")},
}
OTHERS = {
    "photo.heic": ".heic is not read; convert it to JPEG or PNG",
    "photo.DNG": ".dng is not read; convert it to JPEG or PNG",
    "photo.txt": "not an image (.txt)",
    "film.mp4": "not an image (.mp4)",
    "LICENSE": "not an image",
    "empty": "not an image",
}


def test_whatever_is_an_image_is_read_and_whatever_is_none_has_a_reason(tmp_path: Path):
    """By its ending or by how it begins; all that counts as an image can be read."""
    for index, (name, kind) in enumerate(WRITTEN.items()):
        Image.new("RGB", (16, 16), (index, 0, 0)).save(tmp_path / name, kind)
    for name in OTHERS:
        (tmp_path / name).write_bytes(b"" if name == "empty" else b"II*\0 or whatever" if "DNG" in name else b"words")
    for hidden in (".DS_Store", "._photo.jpg", ".ipynb_checkpoints/photo.png", "cats/.git/photo.png"):
        (tmp_path / hidden).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / hidden).write_bytes((tmp_path / "photo.png").read_bytes())
    found = image_folder.scan(tmp_path)
    assert sorted(found.images) == sorted(WRITTEN)
    assert found.others == OTHERS
    photographs, notes = folder_splits.read_all(found.images, 16, "white", "test")
    assert photographs.names == list(found.images)
    assert notes == []
    for image, name in zip(photographs.images, photographs.names, strict=True):
        assert abs(int(image[8, 8, 0]) - list(WRITTEN).index(name)) <= 3


def test_links_are_followed_once_and_nothing_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Folders elsewhere, cycles, two links to one folder, links to nothing, pipes, sockets, devices."""
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for path in (photos / "cats" / "1.png", elsewhere / "deep" / "2.png", elsewhere / "3.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (photos / "4.png").symlink_to(elsewhere / "3.png")
    (photos / "a link").symlink_to(elsewhere)
    (photos / "b link").symlink_to(elsewhere)
    (photos / "cats" / "above").symlink_to(photos)
    (photos / "all cats").symlink_to(photos / "cats")
    (elsewhere / "back").symlink_to(photos)
    (photos / "gone.png").symlink_to(tmp_path / "nothing")
    (photos / "itself.png").symlink_to(photos / "itself.png")
    os.mkfifo(photos / "pipe.png")
    (photos / "device.png").symlink_to(os.devnull)
    (photos / "far pipe.jpg").symlink_to(photos / "pipe.png")
    listener = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(photos)  # a socket's path must be short
    listener.bind("socket.png")
    monkeypatch.chdir(tmp_path)
    found: list[image_folder.Found] = []
    reader = threading.Thread(target=lambda: found.append(image_folder.scan(photos)), daemon=True)
    reader.start()
    reader.join(20)
    listener.close()
    assert found, "it hangs"
    assert list(found[0].images) == ["4.png", "a link/3.png", "a link/deep/2.png", "cats/1.png"]
    twice = "a folder that is here already"
    again = dict.fromkeys(("a link/back", "all cats", "b link", "cats/above"), twice)
    kinds = {"pipe.png": "a pipe", "far pipe.jpg": "a pipe", "device.png": "a device", "socket.png": "a socket"}
    (itself,) = (reason for name, reason in found[0].others.items() if name == "itself.png")
    assert itself.startswith("can't be read (")
    assert found[0].others == again | {name: f"{kind}, not a file" for name, kind in kinds.items()} | {
        "gone.png": "a link to nothing",
        "itself.png": itself,
    }
    assert image_folder.digest(photos) == image_folder.digest(photos)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_has_a_reason(folder: Path):
    (folder / "cats").chmod(0)
    try:
        assert image_folder.scan(folder).others["cats"] == "a folder that can't be read (Permission denied)"
    finally:
        (folder / "cats").chmod(0o755)


def test_reasons_are_told_in_a_line_each():
    names = {"a.txt": "not an image (.txt)", "b.heic": ".heic is not read", "c.txt": "not an image (.txt)"}
    assert list(image_folder.skipped(names)) == [
        "a.txt and 1 more: not an image (.txt); skipped",
        "b.heic: .heic is not read; skipped",
    ]


# -- what changes ------------------------------------------------------------------------------------------------------


def other_bytes(path: Path, keep: str) -> None:
    """Other bytes of equal length, in place or as another file, with the date that it had or an older one."""
    state, content = path.stat(), path.read_bytes()[::-1]
    if keep == "inode":
        path.write_bytes(content)
    else:
        path.with_name("new").write_bytes(content)
        path.with_name("new").rename(path)
    age = 10**12 if keep == "older" else 0
    os.utime(path, ns=(state.st_atime_ns - age, state.st_mtime_ns - age))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "b.PNG").write_bytes(b"other and more bytes"),
        lambda folder: other_bytes(folder / "b.PNG", "inode"),
        lambda folder: other_bytes(folder / "b.PNG", "date"),
        lambda folder: other_bytes(folder / "cats" / "deep" / "c.tif", "older"),
        lambda folder: (folder / "b.PNG").unlink(),
        lambda folder: (folder / "b.PNG").rename(folder / "c.PNG"),
        lambda folder: (folder / "new.gif").write_bytes(b""),
        lambda folder: (folder / "e").write_bytes(b"\xff\xd8\xff and so on"),
        lambda folder: (folder / "captions.csv").write_bytes(b""),
    ],
    ids=["size", "in_place", "replaced", "older", "removed", "renamed", "added", "made_an_image", "captioned"],
)
def test_the_digest_changes_with_an_image(folder: Path, change):
    for name in ("b.PNG", "cats/a.jpeg", "cats/deep/c.tif"):
        os.utime(folder / name, ns=(10**18, 10**18))  # long ago: the cache trusts it
    before = image_folder.digest(folder)
    assert image_folder.digest(folder) == before
    change(folder)
    assert image_folder.digest(folder) != before


def test_the_digest_is_that_of_the_images_alone_wherever_and_whenever_they_lie(folder: Path):
    before = image_folder.digest(folder)
    (folder / "notes.txt").write_bytes(b"other words")
    (folder / ".DS_Store").write_bytes(b"")
    (folder / "b.PNG").touch()
    os.utime(folder / "cats" / "a.jpeg", (0, 0))
    folder.rename(folder.with_name("moved"))
    assert image_folder.digest(folder.with_name("moved")) == before
