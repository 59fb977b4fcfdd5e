"""Arrays and tensors on disk: .npy, .npz and safetensors, written whole or not at all."""

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from selfrefine.core import arrays as core_arrays
from selfrefine.core import files
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.core.files import atomic_file

if TYPE_CHECKING:
    from torch import Tensor


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes one array as .npy."""
    with atomic_file(path) as temporary:
        fill_array(temporary, array)


def fill_array(path: Path, array: np.ndarray) -> None:
    """`write_array` to the temporary path of a file that gets its name from somebody else."""
    with open(path, "wb") as stream:
        # Only `write` is shown to numpy: into a real file it writes by itself and drops the system's reason on failure.
        np.save(SimpleNamespace(write=stream.write), array, allow_pickle=False)


def mapped_array(folder: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array to write into that lies on the disk, not in memory: in a file without a name, which goes with it.

    Raises:
        OSError: the disk has no room for it; told now, since later the system could only end the process.
    """
    if not math.prod(shape):
        return np.empty(shape, np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, math.prod(shape))
        return np.memmap(stream, np.uint8, "w+", shape=shape)


def read_array(path: Path) -> np.ndarray:
    """Memory-maps an .npy file read-only (numpy cannot map an empty one: that is read)."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DamagedError(path, f"not a readable .npy file ({error})") from error
    except EOFError as error:
        raise DamagedError(path, "cut off") from error
    return array


def read_images(path: Path) -> np.ndarray:
    """Memory-maps packed images, (N, H, W, 3) uint8.

    Raises:
        InputError: another shape or type.
    """
    images = read_array(path)
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise InputError(f"{path}: {images.dtype} {images.shape} given, uint8 (N, H, W, 3) needed")
    return images


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes several named arrays as one .npz."""
    with atomic_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of an .npz."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, BadZipFile) as error:
        raise DamagedError(path, f"not a readable .npz file ({error})") from error


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, Any] | None = None) -> None:
    """Writes tensors as safetensors; `metadata` is one JSON text: safetensors writes several keys in no order."""
    with atomic_file(path) as temporary:
        fill_tensors(temporary, tensors, metadata)


def fill_tensors(path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, Any] | None = None) -> None:
    """`write_tensors` to the temporary path of a file that gets its name from somebody else."""
    from safetensors.torch import save_file

    text = {"metadata": json.dumps(dict(metadata or {}), sort_keys=True)}
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path, metadata=text)
    path.chmod(0o644)  # safetensors makes it the owner's alone


def read_tensors(path: Path) -> tuple[dict[str, "Tensor"], dict[str, Any]]:
    """Reads safetensors: (tensors on the CPU, metadata).

    Raises:
        InputError: not a safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as archive:
            metadata = json.loads((archive.metadata() or {}).get("metadata", "{}"))
            return {name: archive.get_tensor(name) for name in archive.keys()}, metadata  # noqa: SIM118 (not a dict)
    except SafetensorError as error:
        raise DamagedError(path, f"not a readable safetensors file ({error})") from error


def join(path: Path, parts: Sequence[Path], length: int) -> None:
    """Writes the first `length` rows of several .npy files, one after another, as one; holds one part at a time.

    Args:
        path: of the result, the same bytes as `write_array` of the whole.
        parts: of equal type and shape but for their numbers of rows.
        length: rows that are kept, at most all.
    """
    first = core_arrays.read_array(parts[0])
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (length, *first.shape[1:]),
    }
    with files.atomic_file(path) as temporary, open(temporary, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        left = length
        for part in parts:
            rows = core_arrays.read_array(part)[:left]
            stream.write(rows.tobytes())
            left -= len(rows)
