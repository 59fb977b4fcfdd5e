"""Every format and mode against the pixels that were saved; what cannot be read is told."""

import io
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from selfrefine.core.errors import InputError
from selfrefine.data import idx_images, image_decoding, image_folder

RGB = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def read(path: Path, size: int = 12, background: str = "white", channels: int = 3) -> np.ndarray:
    return image_decoding.read(path, size, background, channels).image


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
    found, side, _ = image_decoding.read(tmp_path / "photo.png", 4, "white", 3)
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


# -- every kind of pixels, written by other programs or by hand, against what its format says --------------------------

SIDE = 12
DRAWS = np.random.default_rng(1)
COLOURS = DRAWS.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
LEVELS = DRAWS.integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
ALPHA = DRAWS.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
WHITE = 255.0


def on_white(levels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Levels in [0, 255] and alpha in [0, 1] on white."""
    return levels * alpha + WHITE * (1 - alpha)


def three(levels: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(levels, float)[..., None], 3, axis=-1)


def png(depth: int, colour: int, rows: np.ndarray, clear: bytes = b"") -> bytes:
    """A PNG by the letter of its specification; rows: packed bytes of each."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    told = chunk(b"tRNS", clear) if clear else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + told + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def packed(levels: np.ndarray, depth: int) -> np.ndarray:
    """Levels of fewer than eight bits, several in a byte."""
    bits = np.unpackbits(levels.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
    return np.packbits(bits.reshape(len(levels), -1), axis=-1)


def tiff(levels: np.ndarray, **told: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, levels, **told)
    return stream.getvalue()


def tiff_of_12_bits(levels: np.ndarray) -> bytes:
    """Two levels in three bytes, as TIFF packs them."""
    bits = np.unpackbits(levels.astype(">u2")[..., None].view(np.uint8), axis=-1)[..., 4:]
    data = np.packbits(bits.reshape(len(levels), -1), axis=-1).tobytes()
    tags = [(256, SIDE), (257, SIDE), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, SIDE), (279, len(data))]
    entries = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    end = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + end


def few(depth: int) -> np.ndarray:
    return DRAWS.integers(0, 2**depth, (SIDE, SIDE), dtype=np.uint8)


def by_opencv(suffix: str, levels: np.ndarray, *options: int) -> bytes:
    return bytes(cv2.imencode(suffix, levels[..., ::-1] if levels.ndim == 3 else levels, options)[1])


def cases():
    """(name, bytes, (12, 12, 3) in [0, 255] on white, how far a level may be from it)."""
    for depth in (1, 2, 4):
        levels, top = few(depth), 2**depth - 1
        grey, clear = three(levels * (255 / top)), levels[0, 0]
        yield f"png grey {depth}", png(depth, 0, packed(levels, depth)), grey, 0.5
        on = np.where(three(levels) == clear, WHITE, grey)
        yield f"png grey {depth} clear", png(depth, 0, packed(levels, depth), struct.pack(">H", clear)), on, 0.5
    eight = COLOURS[..., 0]
    on = np.where(three(eight) == eight[0, 0], WHITE, three(eight))
    yield "png grey 8 clear", png(8, 0, eight, struct.pack(">H", eight[0, 0])), on, 0.5
    deep, rgb = LEVELS.astype(">u2"), DRAWS.integers(0, 65536, (SIDE, SIDE, 3)).astype(">u2")
    yield "png grey 16", png(16, 0, deep), three(deep / 257), 0.5
    on = np.where(three(deep) == deep[0, 0], WHITE, three(deep / 257))
    yield "png grey 16 clear", png(16, 0, deep, struct.pack(">H", deep[0, 0])), on, 0.5
    both = np.stack([deep, ALPHA.astype(np.uint16) * 257], axis=-1).astype(">u2")
    yield "png grey 16 alpha", png(16, 4, both), on_white(three(deep / 257), three(ALPHA / 255)), 1.5
    yield "png colour 16", png(16, 2, rgb), rgb / 257, 1.0
    four = np.concatenate([rgb, (ALPHA.astype(np.uint16) * 257)[..., None]], axis=-1).astype(">u2")
    yield "png colour 16 alpha", png(16, 6, four), on_white(rgb / 257, three(ALPHA / 255)), 1.5
    on = np.where((COLOURS[0, 0] == COLOURS).all(axis=-1, keepdims=True), WHITE, COLOURS)
    yield "png colour 8 clear", png(8, 2, COLOURS, struct.pack(">HHH", *COLOURS[0, 0])), on, 0.5
    four = np.concatenate([COLOURS, ALPHA[..., None]], axis=-1)
    yield "png by OpenCV", by_opencv(".png", COLOURS), COLOURS, 0
    yield "tiff grey 8", tiff(eight, photometric="minisblack"), three(eight), 0
    yield "tiff grey 8 white is 0", tiff(eight, photometric="miniswhite"), 255 - three(eight), 0
    yield "tiff grey 12", tiff_of_12_bits(LEVELS >> 4), three((LEVELS >> 4) / 4095 * 255), 0.5
    for order in "<>":
        yield f"tiff grey 16 {order}", tiff(LEVELS, photometric="minisblack", byteorder=order), three(LEVELS / 257), 0.5
    yield "tiff grey 16 white is 0", tiff(LEVELS, photometric="miniswhite"), 255 - three(LEVELS / 257), 0.5
    yield "tiff colour 8", tiff(COLOURS, photometric="rgb"), COLOURS, 0
    planes = np.ascontiguousarray(COLOURS.transpose(2, 0, 1))
    yield "tiff colour planes", tiff(planes, photometric="rgb", planarconfig="separate"), COLOURS, 0
    yield "tiff colour 16", tiff(rgb.astype("<u2"), photometric="rgb"), rgb / 257, 1.0
    told = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
    yield "tiff colour 8 alpha", tiff(four, **told), on_white(COLOURS, three(ALPHA / 255)), 0.5
    times = np.concatenate([np.rint(COLOURS * (ALPHA / 255)[..., None]).astype(np.uint8), ALPHA[..., None]], axis=-1)
    on = np.rint(times[..., :3] + WHITE * (1 - three(ALPHA / 255)))
    yield "tiff colour 8 times alpha", tiff(times, **told | {"extrasamples": ["assocalpha"]}), on, 1.0
    grey = {"photometric": "minisblack", "planarconfig": "contig"}
    pair = np.stack([eight, ALPHA], axis=-1)
    on = on_white(three(eight), three(ALPHA / 255))
    yield "tiff grey 8 alpha", tiff(pair, **grey, extrasamples=["unassalpha"]), on, 0.5
    yield (
        "tiff grey 8 times alpha",
        tiff(times[..., [0, 3]], **grey, extrasamples=["assocalpha"]),
        (times[..., :1] + WHITE * (1 - three(ALPHA / 255))),
        1.0,
    )
    ink = (255 - COLOURS.astype(float)) * (255 - ALPHA[..., None].astype(float)) / 255
    yield "tiff cmyk", tiff(four, photometric="separated"), ink, 1.0
    table = DRAWS.integers(0, 256, (3, 256), dtype=np.uint16)
    yield "tiff palette", tiff(eight, photometric="palette", colormap=table.astype(np.uint16) * 257), table.T[eight], 0
    yield "pgm 8", b"P5\n12 12\n255\n" + eight.tobytes(), three(eight), 0
    yield "pgm of 100 levels", b"P5\n12 12\n100\n" + (eight % 101).tobytes(), three((eight % 101) * 2.55), 0.5
    yield "pgm 16", b"P5\n12 12\n65535\n" + deep.tobytes(), three(deep / 257), 0.5
    yield "pgm 12", b"P5\n12 12\n4095\n" + (deep >> 4).astype(">u2").tobytes(), three((LEVELS >> 4) / 4095 * 255), 0.5
    yield "ppm 8", b"P6\n12 12\n255\n" + COLOURS.tobytes(), COLOURS, 0
    yield "ppm 16", b"P6\n12 12\n65535\n" + rgb.tobytes(), rgb / 257, 1.0
    words = " ".join(map(str, COLOURS.ravel())).encode()
    yield "ppm in words", b"P3\n12 12\n255\n" + words, COLOURS, 0
    bits = few(1)
    yield "pbm", b"P4\n12 12\n" + packed(bits, 1).tobytes(), three(255.0 * (1 - bits)), 0
    yield "bmp by OpenCV", by_opencv(".bmp", COLOURS), COLOURS, 0
    tga = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, SIDE, SIDE, 32, 0x28) + four[..., [2, 1, 0, 3]].tobytes()
    yield "photo.tga", tga, on_white(COLOURS, three(ALPHA / 255)), 0.5
    ico = png(8, 6, four)
    ico = struct.pack("<HHHBBBBHHII", 0, 1, 1, SIDE, SIDE, 0, 0, 1, 32, len(ico), 22) + ico
    yield "ico", ico, on_white(COLOURS, three(ALPHA / 255)), 0.5


CASES = list(cases())


@pytest.mark.parametrize("channels", [3, 1])
@pytest.mark.parametrize(("name", "content", "expected", "near"), CASES, ids=[case[0] for case in CASES])
def test_every_kind_of_pixels_is_what_its_format_says(
    tmp_path: Path, name: str, content: bytes, expected: np.ndarray, near: float, channels: int
):
    """Of one channel: the luminance of its colours in three equal ones."""
    path = tmp_path / (name if "." in name else "photo")
    path.write_bytes(content)
    assert not image_folder.scan(tmp_path).others, "known by how it begins"
    found = image_decoding.read(path, SIDE, "white", channels)
    coloured = bool((np.ptp(expected, axis=-1) > 0).any())
    if channels == 1:
        assert (np.ptp(found.image, axis=-1) == 0).all()
        expected, near = three(expected @ np.array([0.299, 0.587, 0.114])), near + 0.5  # of its own rounding
    assert found.greyed == (coloured and channels == 1)
    assert np.abs(found.image - expected).max() <= near + 1e-3


@pytest.mark.parametrize("deep", [False, True])
def test_jpeg_2000_by_opencv(tmp_path: Path, deep: bool):
    levels = DRAWS.integers(0, 65536, (64, 64), dtype=np.uint16) if deep else np.tile(COLOURS, (6, 6, 1))[:64, :64]
    (tmp_path / "photo").write_bytes(by_opencv(".jp2", levels, cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000))
    assert list(image_folder.image_files(tmp_path)) == ["photo"]
    expected = three(levels / 257) if deep else levels
    assert np.abs(read(tmp_path / "photo", size=64) - expected).max() <= 1.001


def test_lab_of_greys(tmp_path: Path):
    """L* is a function of the luminance alone, which sRGB encodes."""
    lightness = np.linspace(0, 255, SIDE * SIDE).astype(np.uint8).reshape(SIDE, SIDE)
    lab = np.stack([lightness, *[np.zeros_like(lightness)] * 2], axis=-1)
    (tmp_path / "photo.tif").write_bytes(tiff(lab, photometric="cielab"))
    cubed = ((lightness / 2.55 + 16) / 116) ** 3
    linear = np.where(lightness / 2.55 > 8, cubed, lightness / 2.55 / 903.3)
    encoded = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    assert np.abs(read(tmp_path / "photo.tif") - three(255 * encoded)).max() <= 2


REFUSED = {
    f"tiff {kind}": tiff((LEVELS[..., None] >> 9).astype(kind), photometric="minisblack")
    for kind in ("i1", "i2", "u4", "i4", "f2", "f4", "f8")
}
REFUSED |= {
    "tiff grey 16 alpha": tiff(
        np.stack([LEVELS, LEVELS], axis=-1),
        photometric="minisblack",
        planarconfig="contig",
        extrasamples=["unassalpha"],
    ),
    "tiff of float colours": tiff(COLOURS.astype(np.float32) / 255, photometric="rgb"),
    "png colour 16 clear": png(16, 2, np.full((SIDE, SIDE, 3), 257, ">u2"), struct.pack(">HHH", 1, 1, 1)),
    "pfm": b"Pf\n12 12\n-1.0\n" + np.ones((SIDE, SIDE), "<f4").tobytes(),
}


@pytest.mark.parametrize("name", REFUSED)
def test_levels_that_mean_nothing_certain_are_refused_in_one_line(tmp_path: Path, name: str):
    (tmp_path / "photo.img").write_bytes(REFUSED[name])
    with pytest.raises(InputError) as fault:
        read(tmp_path / "photo.img")
    assert len(str(fault.value).splitlines()) == 1


def test_images_that_are_grey_stay_bit_equal_with_one_channel(tmp_path: Path):
    Image.fromarray(GREY).convert("RGB").save(tmp_path / "photo.png")
    one, three_ = (image_decoding.read(tmp_path / "photo.png", 7, "white", channels) for channels in (1, 3))
    assert np.array_equal(one.image, three_.image)
    assert not one.greyed


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "avif"])
@pytest.mark.parametrize("shape", [(40, 23), (22, 41)])
def test_cameras_that_were_turned_in_strips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int, suffix: str, shape: tuple[int, int]
):
    """What PIL turns as a whole, cut and resized as a whole, is what comes of strips, bit for bit."""
    image = Image.fromarray(DRAWS.integers(0, 256, (*shape, 3), dtype=np.uint8))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"photo.{suffix}", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / f"photo.{suffix}")).convert("RGB"))
    side = min(upright.shape[:2])
    top, left = ((length - side) // 2 for length in upright.shape[:2])
    square = upright[top : top + side, left : left + side]
    expected = np.stack([idx_images.resize(square[..., channel], 9) for channel in range(3)], axis=-1)
    monkeypatch.setattr(image_decoding, "STRIP", 7 * side)
    assert np.array_equal(read(tmp_path / f"photo.{suffix}", size=9), expected)


def test_too_many_pixels_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(image_decoding, "MOST_PIXELS", 143)
    Image.fromarray(RGB).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match="144 pixels; 143 at most are read: make it smaller"):
        read(tmp_path / "photo.png")
    monkeypatch.setattr(image_decoding, "MOST_PIXELS", 144)
    assert np.array_equal(read(tmp_path / "photo.png"), RGB)


def test_what_asks_for_too_much_waits_and_gets_it():
    """More threads than there is room for, some of which ask for all of it and more: never more than that in flight."""
    budget, held, most = image_decoding._InFlight(100), 0, 0
    lock = threading.Lock()

    def work(pixels: int) -> None:
        nonlocal held, most
        taken = budget.take(pixels)
        with lock:
            held += taken
            most = max(most, held)
        time.sleep(0.001)
        with lock:
            held -= taken
        budget.give(taken)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [30, 70, 100, 250, 1, 60, 45, 99] * 8))
    assert most <= 100
    assert (held, budget.free) == (0, 100)
