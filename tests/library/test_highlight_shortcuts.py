"""Each way in which two folders may differ without a flaw has its warning; folders alike in all of them have none."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfrefine.data import image_folder
from selfrefine.library.highlighting import file_traits, mirror, shortcuts, split
from tests.support import two_folders
from tests.support.two_folders import Save, jpeg, png, scenes, striped, write

COUNT, SIDE, SIZE = 110, 64, 32  # files of a folder, their pixels, those that the highlighter sees


def warned(tmp_path: Path, real: np.ndarray, fake: np.ndarray, saves: tuple[Save, Save]) -> dict[str, str]:
    """The warnings about two folders, by check."""
    mirrors = []
    for name, images, save in zip(("real", "fake"), (real, fake), saves, strict=True):
        folder = write(tmp_path / name, images, save)
        mirrors.append(mirror.read(image_folder.scan(folder), folder, SIZE, tmp_path / f"scratch_{name}", "reading"))
    division = split.divide(*mirrors, 0)
    assert division is not None
    return {found.check: found.warning for found in shortcuts.check(*mirrors, division, 0) if found.warning}


def enlarged(factor: float) -> Save:
    """Saves an image that was made smaller and enlarged to its size again."""

    def save(image: np.ndarray, path: Path) -> None:
        low = Image.fromarray(image).resize((round(SIDE / factor),) * 2, Image.Resampling.BOX)
        low.resize((SIDE, SIDE), Image.Resampling.BILINEAR).save(path.with_suffix(".png"))

    return save


def smaller(side: int, wide: int = 0) -> Save:
    """Saves an image of another size."""
    return lambda image, path: Image.fromarray(image).resize((side + wide, side)).save(path.with_suffix(".png"))


def once_jpeg(quality: int) -> Save:
    """Saves as PNG what was JPEG before: the blocks are left."""

    def save(image: np.ndarray, path: Path) -> None:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, format="JPEG", quality=quality)
        Image.open(stream).save(path.with_suffix(".png"))

    return save


def changed(change: float, saturation: float = 1.0) -> Save:
    """Saves an image of other colours."""

    def save(image: np.ndarray, path: Path) -> None:
        grey = image.mean(axis=2, keepdims=True)
        levels = grey + saturation * (image - grey) + change
        Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(path.with_suffix(".png"))

    return save


@pytest.mark.parametrize(
    ("check", "real", "fake"),
    [
        ("resize", png(), smaller(40)),
        ("resize", png(), smaller(SIDE, wide=20)),
        ("resize", png(), enlarged(2.0)),
        ("resize", enlarged(1.5), png()),
        ("compression", jpeg(95), png()),
        ("compression", jpeg(95), jpeg(60)),
        ("compression", png(), once_jpeg(30)),
        ("compression", once_jpeg(30), png()),
        ("size", png(), smaller(80)),
        ("size", png(), png(compress_level=0)),
        ("size", png(optimize=True), png(compress_level=1)),
        ("colour", png(), changed(0.0, saturation=0.0)),
        ("colour", png(), changed(40.0)),
        ("colour", changed(0.0, saturation=2.0), png()),
    ],
)
def test_what_tells_two_folders_apart_without_a_flaw_has_its_warning(
    tmp_path: Path, check: str, real: Save, fake: Save
):
    found = warned(tmp_path, scenes(COUNT, SIDE, 0), scenes(COUNT, SIDE, 1), (real, fake))
    assert check in found
    line = found[check]
    assert line.startswith(shortcuts.WORDS[check])
    assert "maps of preprocessing" in line
    assert "\n" not in line


@pytest.mark.parametrize("save", [png(), jpeg(80), smaller(40), enlarged(2.0), once_jpeg(30), changed(40.0)])
@pytest.mark.parametrize("flaw", [False, True])
def test_folders_that_were_saved_alike_have_none_whether_flawed_or_not(tmp_path: Path, save: Save, flaw: bool):
    fake = scenes(COUNT, SIDE, 1)
    if flaw:  # in some pixels of a few: what is rare in an image moves no mean of it
        fake[:, :8, :8] = striped(fake)[:, :8, :8]
    assert not warned(tmp_path, scenes(COUNT, SIDE, 0), fake, (save, save))


def test_every_check_has_its_words_and_its_numbers():
    assert set(file_traits.TRAITS) == set(shortcuts.WORDS) == set(shortcuts.REMEDY)
    assert [name for check in file_traits.TRAITS for name in file_traits.NUMBERS[file_traits.columns(check)]] == list(
        file_traits.NUMBERS
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200), (40, 40)])
def test_numbers_of_any_image_are_finite(tmp_path: Path, mode: str, size: tuple[int, int]):
    path = tmp_path / ("image.tif" if mode in ("CMYK", "YCbCr") else "image.png")
    image = Image.new(mode, size, 1)
    image.save(path)
    found = file_traits.of_file(path, two_folders.scenes(1, SIZE, 0)[0])
    assert found.shape == (len(file_traits.NUMBERS),)
    assert np.isfinite(found).all()
