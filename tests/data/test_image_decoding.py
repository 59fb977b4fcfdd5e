"""Every format and mode against the pixels that were saved; what cannot be read is told."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selfrefine.core.errors import InputError
from selfrefine.data import idx_images, image_decoding

RGB = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def read(path: Path, size: int = 12, background: str = "white") -> np.ndarray:
    return image_decoding.read(path, size, background)[0]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "gif", "webp", "jpg"])
def test_formats(tmp_path: Path, suffix: str):
    path = tmp_path / f"photo.{suffix}"
    flat = np.full((12, 12, 3), (200, 60, 120), np.uint8)  # colour stays after a palette and, nearly, after JPEG
    options = {"lossless": True} if suffix == "webp" else {"subsampling": 0, "quality": 100} if suffix == "jpg" else {}
    Image.fromarray(flat).save(path, **options)
    assert np.abs(read(path).astype(int) - flat).max() <= (2 if suffix == "jpg" else 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_modes_without_transparency(tmp_path: Path, mode: str):
    image = Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "photo.png")
    assert np.array_equal(read(tmp_path / "photo.png"), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("black", 0)])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparent_pixels_lie_on_the_background(tmp_path: Path, mode: str, background: str, level: int):
    alpha = np.full((12, 12), 102, np.uint8)  # 0.4
    alpha[:6] = 0
    if mode == "P":  # one transparent colour of a palette
        image = Image.fromarray((np.arange(144).reshape(12, 12) // 72).astype(np.uint8), "P")
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.save(tmp_path / "photo.png", transparency=0)
        expected = np.full((12, 12, 3), level)
        expected[6:] = (40, 50, 60)
    else:
        colours = np.repeat(GREY[..., None], 3, -1) if mode == "LA" else RGB
        layers = [GREY, alpha] if mode == "LA" else [*np.moveaxis(RGB, -1, 0), alpha]
        Image.merge(mode, [Image.fromarray(layer) for layer in layers]).save(tmp_path / "photo.png")
        share = alpha[..., None] / 255
        expected = np.rint(colours * share + level * (1 - share))
    assert np.abs(read(tmp_path / "photo.png", background=background) - expected).max() <= 1
    assert (read(tmp_path / "photo.png", background=background)[:6] == level).all()


def test_cmyk(tmp_path: Path):
    image = Image.new("CMYK", (12, 12), (0, 255, 255, 0))
    image.save(tmp_path / "photo.jpg", quality=100)
    assert np.abs(read(tmp_path / "photo.jpg").astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_sixteen_bits_are_rounded_once_after_the_mean(tmp_path: Path, suffix: str):
    deep = np.random.default_rng(0).integers(0, 65536, (12, 12), dtype=np.uint16)
    deep[:2, :2] = [[0, 65535], [65535, 65535]]
    Image.fromarray(deep).save(tmp_path / f"photo.{suffix}")
    mean = deep.reshape(6, 2, 6, 2).mean(axis=(1, 3)) / 257
    found = read(tmp_path / f"photo.{suffix}", size=6)
    assert np.abs(found[..., 0] - mean).max() <= 0.5 + 1e-3
    assert (found[..., 0] == found[..., 2]).all()
    assert found[0, 0, 0] == 191


def test_the_first_frame_of_an_animation(tmp_path: Path):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for suffix in ("gif", "webp", "tiff"):
        frames[0].save(tmp_path / f"film.{suffix}", save_all=True, append_images=frames[1:])
        assert (read(tmp_path / f"film.{suffix}", size=4)[..., 0] > 245).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_cameras_that_were_turned(tmp_path: Path, orientation: int):
    turn = {2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: x.swapaxes(0, 1)}
    turn |= {6: lambda x: np.rot90(x, -1), 7: lambda x: np.rot90(x, 2).swapaxes(0, 1), 8: np.rot90}
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(read(tmp_path / "photo.png"), turn.get(orientation, lambda x: x)(RGB))


@pytest.mark.parametrize(("shape", "rows", "columns"), [((8, 20), (0, 8), (6, 14)), ((21, 8), (6, 14), (0, 8))])
def test_the_centre_square_is_resized_by_the_one_kernel(tmp_path: Path, shape, rows, columns):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    square = image[slice(*rows), slice(*columns)]
    found, side = image_decoding.read(tmp_path / "photo.png", 4, "white")
    assert side == 8
    assert np.array_equal(found, np.stack([idx_images.resize(square[..., c], 4) for c in range(3)], -1))
    assert np.array_equal(found, np.rint(square.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))))


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).resize((64, 64)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no image of a known format"),
        (b"<html>not found</html>", "no image of a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image of a known format"),
        (jpeg()[:-200], "truncated"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, content: bytes, told: str):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(InputError, match=told) as fault:
        read(tmp_path / "photo.jpg")
    assert "\n" not in str(fault.value)


def test_every_cut_of_a_png_is_told_or_read(tmp_path: Path):
    """A decoder meets arbitrary bytes: whatever it raises becomes one line."""
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "PNG")
    content, faults = stream.getvalue(), 0
    for length in range(0, len(content), 7):
        (tmp_path / "photo.png").write_bytes(content[:length])
        try:
            read(tmp_path / "photo.png")
        except InputError:
            faults += 1
    assert faults > len(content) // 7 - 5


def test_levels_without_a_fixed_white_are_refused(tmp_path: Path):
    Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / "photo.tif")
    with pytest.raises(InputError, match="mode F have no fixed white; save it with 8 or 16 bits"):
        read(tmp_path / "photo.tif")
    Image.fromarray(np.full((8, 8), 1 << 20, np.int32)).save(tmp_path / "photo.tif")
    with pytest.raises(InputError, match="mode I have no fixed white"):
        read(tmp_path / "photo.tif")
