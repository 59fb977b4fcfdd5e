"""Arrays that no memory need hold: written in parts, joined on the disk."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfrefine.core import files


def join(path: Path, parts: Sequence[Path], length: int) -> None:
    """Writes the first `length` rows of several .npy files, one after another, as one; holds one part at a time.

    Args:
        path: of the result, the same bytes as `files.write_array` of the whole.
        parts: of equal type and shape but for their numbers of rows.
        length: rows that are kept, at most all.
    """
    first = files.read_array(parts[0])
    header = {
        "descr": np.lib.format.dtype_to_descr(first.dtype),
        "fortran_order": False,
        "shape": (length, *first.shape[1:]),
    }
    with files.atomic_file(path) as temporary, open(temporary, "wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        left = length
        for part in parts:
            rows = files.read_array(part)[:left]
            stream.write(rows.tobytes())
            left -= len(rows)
