"""Reads a pickle of numpy arrays without trusting it: nothing but arrays and their types can be built."""

import io
import pickle
from typing import Any

import numpy as np

# What numpy's own pickles name; the second module is numpy 2's name for the first.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The object of that name if it is one of ALLOWED."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}: refused, only numpy arrays are read")
        return ALLOWED[module, name]


def read(content: bytes) -> Any:
    """The tree of dicts, lists and arrays in a pickle.

    Raises:
        pickle.UnpicklingError: anything else is in it, or it is cut off.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except (EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise pickle.UnpicklingError(f"not a whole pickle of arrays ({error})") from error
