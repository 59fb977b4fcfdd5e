"""A folder of images as the highlighter sees them, on the disk: read once, in chunks that a kill does not cost."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from selfrefine.core import arrays, chunks, devices
from selfrefine.core.errors import InputError, one_line
from selfrefine.data import image_decoding, image_folder
from selfrefine.library.highlighting import file_traits

CHUNK_BYTES = 32 * 2**20  # of images that are held together
MOST_IN_A_CHUNK = 256
FAULT = 300  # bytes of the line that says why a file was not read


class Mirror:
    """The images of a folder that could be read, sorted by name; of them only what is asked for is in memory.

    Attributes:
        folder: where they are from.
        names: of their files, relative to it.
        digests: (n,) SHA-256 of each image's pixels as they are here.
        traits: (n, len(file_traits.NUMBERS)) float64.
        shape: (n, S, S, 3), as of an array.
        skipped: why other files are not among them, by name.
    """

    def __init__(self, folder: Path, names: list[str], parts: list[Path], skipped: dict[str, str]) -> None:
        records = [arrays.read_array(part) for part in parts]
        self._parts, self._together = parts, len(records[0])
        faults = np.concatenate([part["fault"] for part in records])[: len(names)]
        self._places = np.flatnonzero(faults == b"")
        self.folder = folder
        self.names = [names[place] for place in self._places]
        self.digests = np.concatenate([part["digest"] for part in records])[self._places]
        self.traits = np.concatenate([part["traits"] for part in records])[self._places]
        self.shape = (len(self.names), *records[0]["image"].shape[1:])
        unread = {names[place]: faults[place].decode("utf-8", "replace") for place in np.flatnonzero(faults != b"")}
        self.skipped = skipped | unread

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """The images of these rows, (m, S, S, 3) uint8; a file is mapped only while it is read."""
        places = self._places[rows]
        found = np.empty((len(places), *self.shape[1:]), np.uint8)
        for part in np.unique(places // self._together):
            here = places // self._together == part
            found[here] = arrays.read_array(self._parts[part])["image"][places[here] % self._together]
        return found


def read(found: image_folder.Found, folder: Path, size: int, scratch: Path, label: str) -> Mirror:
    """Reads a folder, or what of it is not in `scratch` yet.

    Args:
        found: its files.
        folder: the folder.
        size: px of a side; of each image its largest centred square, as of all images of the project.
        scratch: a folder for the chunks.
        label: of the progress lines.
    """
    names, together = list(found.images), max(1, min(MOST_IN_A_CHUNK, CHUNK_BYTES // (3 * size**2)))
    kind = np.dtype(
        [
            ("image", np.uint8, (size, size, 3)),
            ("traits", np.float64, (len(file_traits.NUMBERS),)),
            ("digest", "S64"),
            ("fault", f"S{FAULT}"),
        ]
    )
    with image_decoding.own_limits(), ThreadPoolExecutor(devices.threads()) as pool:

        def make(numbers: np.ndarray) -> np.ndarray:
            records = np.zeros(len(numbers), kind)
            paths = [found.images[names[number]] for number in numbers if number < len(names)]
            for record, told in zip(records, pool.map(lambda path: _read(path, size), paths), strict=False):
                if isinstance(told, InputError):
                    record["fault"] = str(told).encode()[:FAULT] or b"not readable"
                else:
                    record["image"], record["traits"], record["digest"] = told
            return records

        parts = chunks.in_chunks(make, len(names), scratch, label=label, chunk_size=together, unit="file")
    return Mirror(folder, names, parts, found.others)


def _read(path: Path, size: int) -> tuple[np.ndarray, np.ndarray, bytes] | InputError:
    """The image of a file, its traits and the digest of its pixels; or what is wrong with it."""
    try:
        image = image_decoding.read(path, size, "white", 3).image
        return image, file_traits.of_file(path, image), contents_of(image)
    except InputError as fault:
        return fault
    except (OSError, ValueError) as fault:  # PIL's, of a mode that it does not convert
        return InputError(one_line(fault))


def contents_of(image: np.ndarray) -> bytes:
    """SHA-256 of pixels, in hex: files that differ in their bytes alone are the same image."""
    return hashlib.sha256(image.tobytes()).hexdigest().encode()
