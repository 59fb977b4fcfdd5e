"""One photograph of any common format, mode, shape and size as a training image.

What is known of colour is what the pixels say. Not in paper: profiles and gamma are not applied, because no reader of
torchvision's or of FID's does so. Whatever has no fixed black and white is refused: its levels mean nothing here.
"""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from selfrefine.core.errors import InputError
from selfrefine.data import idx_images

# No others: PIL starts programs for some.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO")
BY_ENDING = {".tga": "TGA"}  # its files begin with nothing of their own, so that others would be taken for it
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # modes of 12- and 16-bit grey
BACKGROUNDS = {"white": 255.0, "black": 0.0}
# Not in paper: the weights of Rec. 601, because PIL, OpenCV and torchvision make grey images with them.
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
MOST_PIXELS = 200_000_000  # of one image, and of all that are decoded at a time; PIL takes 1 to 4 bytes for each
COPIES = {"WEBP": 4, "AVIF": 4}  # that their decoders hold beside PIL's own pixels
BLOCK = 2**26  # bytes that PIL takes at once: so large ones go back to the system, while threads keep smaller ones
STRIP = 2**18  # pixels that become numbers of 4 bytes at a time
BITS, PHOTOMETRIC, SAMPLES, ORIENTATION = 258, 262, 339, 274  # tags of TIFF and EXIF
WHITE_IS_ZERO, SIGNED = 0, (2, 3)  # values of PHOTOMETRIC, SAMPLES
# What makes an image of each EXIF orientation upright; those from 5 on change its sides.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Photograph(NamedTuple):
    """A training image, (size, size, 3) uint8; side of its square before, px; whether colours were made grey."""

    image: np.ndarray
    side: int
    greyed: bool


class _Decoded(NamedTuple):
    """An image as stored, in its own mode; its orientation; of deep grey what white is, whether 0 is, what is clear."""

    image: Image.Image
    orientation: int
    white: int
    inverted: bool
    clear: int | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image."""
        width, height = self.image.size
        return (height, width) if self.orientation >= 5 else (width, height)


class _InFlight:
    """Lets so many pixels be decoded at a time; what asks for more waits."""

    def __init__(self, most: int) -> None:
        self.most, self.free, self.freed, self.turn = most, most, threading.Condition(), threading.Lock()

    def take(self, pixels: int) -> int:
        """Waits until they are free."""
        pixels = min(pixels, self.most)
        with self.freed:
            self.freed.wait_for(lambda: self.free >= pixels)
            self.free -= pixels
        return pixels

    def give(self, pixels: int) -> None:
        """Gives them back."""
        with self.freed:
            self.free += pixels
            self.freed.notify_all()


IN_FLIGHT = _InFlight(MOST_PIXELS)


def read(path: Path, size: int, background: str, channels: int) -> Photograph:
    """The upright photograph's largest centred square, resized as all images are.

    Of an animation the first frame, of a file of several pages the first page. Cut before it is converted, and
    converted in strips, so that little is held beside what PIL decodes.

    Args:
        path: the file.
        size: side of the result, px.
        background: key of BACKGROUNDS: what transparent pixels lie on.
        channels: 3; or 1 for three equal ones, the luminance of colours.

    Raises:
        InputError: what is wrong with the file, without its name.
    """
    with _decoded(path) as photograph:
        width, height = photograph.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2  # of an odd rest the smaller half is cut here
        rows, narrow, greyed = max(1, STRIP // side), list[np.ndarray](), False
        for start in range(top, top + side, rows):
            box = (left, start, left + side, min(start + rows, top + side))
            levels = _levels(photograph, box, background)
            if channels == 1:
                levels, coloured = grey(levels)
                greyed |= coloured
            narrow.append(np.stack([_narrow(levels[..., channel], size) for channel in range(3)]))
    # PIL, too, resizes rows, then columns, so that strips change no bit.
    resized = [idx_images.resize(channel, size) for channel in np.concatenate(narrow, axis=1)]
    return Photograph(np.stack(resized, axis=-1), side, greyed)


def whole(path: Path, background: str) -> np.ndarray:
    """The upright photograph in its own size: (H, W, 3) float32 in [0, 255], not rounded.

    Raises:
        InputError: as of `read`.
    """
    with _decoded(path) as photograph:
        return _levels(photograph, (0, 0, *photograph.size), background)


def grey(levels: np.ndarray) -> tuple[np.ndarray, bool]:
    """(H, W, 3) with three equal channels, the luminance, and whether they were not; those that were stay bit-equal."""
    if (levels == levels[..., :1]).all():
        return levels, False
    return np.repeat((levels @ LUMINANCE)[..., None], 3, axis=-1), True


@contextmanager
def own_limits() -> Iterator[None]:
    """Lets MOST_PIXELS alone decide, and not PIL's limit, which warns of what is read here; and gives memory back."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    memory: Any = vars(Image)["core"]
    block = memory.get_block_size()
    memory.set_block_size(BLOCK)
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
        memory.set_block_size(block)


@contextmanager
def _decoded(path: Path) -> Iterator[_Decoded]:
    """The first frame; it counts as in flight while it is held."""
    ending = path.suffix.lower()
    formats = (*FORMATS, BY_ENDING[ending]) if ending in BY_ENDING else FORMATS
    with ExitStack() as held, _told():
        with IN_FLIGHT.turn:  # one at a time: some decoders take memory when they open a file
            image: Image.Image = Image.open(path, formats=formats)
            held.callback(image.close)
            pixels = image.width * image.height
            if pixels > MOST_PIXELS:
                reason = f"{pixels} pixels; {MOST_PIXELS} at most are read: make it smaller"  # kept in notes.csv
                raise InputError(reason)
            taken = IN_FLIGHT.take(pixels * COPIES.get(str(image.format), 1))
            held.callback(IN_FLIGHT.give, taken)
            held.callback(image.close)  # the last is called first: it frees the pixels, then others may take as many
        white, inverted, clear = _meaning(image)
        image.load()
        yield _Decoded(image, image.getexif().get(ORIENTATION, 1), white, inverted, clear)


@contextmanager
def _told() -> Iterator[None]:
    """Makes one line of whatever a decoder that meets arbitrary bytes fails with."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        reason = f"no image of a known format ({', '.join(FORMATS)})"  # kept as above: a text that counts
        raise InputError(reason) from error
    except Exception as error:
        raise InputError(" ".join(str(error).split()) or type(error).__name__) from error


def _meaning(image: Image.Image) -> tuple[int, bool, int | None]:
    """What PIL does not apply of an image that is not loaded yet: white, whether 0 is white, the level that is clear.

    Raises:
        InputError: levels that have no fixed white, or that PIL loses.
    """
    tags, white, clear = getattr(image, "tag_v2", {}), 65535, image.info.get("transparency")
    if tags.get(SAMPLES, (1,))[0] in SIGNED or image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
        reason = f"pixels of mode {image.mode} have no fixed white; save it with 8 or 16 bits"  # kept as above
        raise InputError(reason)
    if image.mode in DEEP:
        white = 2 ** tags.get(BITS, (16,))[0] - 1
        return white, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO, clear if isinstance(clear, int) else None
    tiles = getattr(image, "tile", [])
    stored = str(tiles[0].args) if image.format == "PNG" and tiles else ""
    if isinstance(clear, int) and stored in ("L;2", "L;4"):  # PIL scales these levels, but not the clear one
        image.info["transparency"] = clear * 255 // (2 ** int(stored[-1]) - 1)
    if isinstance(clear, tuple) and stored.endswith("16B"):
        reason = "one clear colour of 16 bits, which PIL reads as 8; save it with an alpha channel"  # kept as above
        raise InputError(reason)
    return white, False, None


def _levels(photograph: _Decoded, box: tuple[int, int, int, int], background: str) -> np.ndarray:
    """Colours in a box (left, top, right, bottom) of the upright image: (h, w, 3) float32 in [0, 255], not rounded."""
    part = photograph.image.crop(_stored(photograph, box))
    if photograph.orientation in TURNS:
        part = part.transpose(TURNS[photograph.orientation])
    if part.mode in DEEP:
        levels = np.asarray(part).astype(np.float32) / (photograph.white / 255)
        levels = 255 - levels if photograph.inverted else levels
        if photograph.clear is not None:
            levels[np.asarray(part) == photograph.clear] = BACKGROUNDS[background]
        return np.repeat(levels[..., None], 3, axis=-1)
    if part.mode == "La":  # grey that is multiplied by its alpha
        part = part.convert("LA")
    if not part.has_transparency_data:
        return np.asarray(part.convert("RGB")).astype(np.float32)
    levels = np.asarray(part.convert("RGBA")).astype(np.float32)
    alpha = levels[..., 3:] / 255
    composed: np.ndarray = levels[..., :3] * alpha + BACKGROUNDS[background] * (1 - alpha)
    return composed


def _stored(photograph: _Decoded, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Where a box of the upright image lies in the stored one."""
    width, height = photograph.image.size
    left, top, right, bottom = box
    if photograph.orientation >= 5:
        left, top, right, bottom = top, left, bottom, right
    if photograph.orientation in (2, 3, 7, 8):
        left, right = width - right, width - left
    if photograph.orientation in (3, 4, 6, 7):
        top, bottom = height - bottom, height - top
    return left, top, right, bottom


def _narrow(image: np.ndarray, size: int) -> np.ndarray:
    """(H, W) as (H, size), the area average along rows."""
    return np.asarray(Image.fromarray(image).resize((size, len(image)), Image.Resampling.BOX))
