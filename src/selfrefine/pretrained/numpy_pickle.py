"""Reads a pickle of numpy arrays without trusting it: numpy, which would believe any state, takes no part in that.

What a pickle asks for is built of stand-ins that keep plain values; arrays of numbers are made of these at the end.
"""

import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

KINDS = {kind + size for kind, sizes in {"i": "1248", "u": "1248", "f": "248"}.items() for size in sizes}
MOST_PARTS = 100_000  # of a tree: one whose branches are shared may be endless when it is written out
MARKER = "ndarray"  # stands for the class, which pickles only name


class Asked:
    """Something that a pickle calls with arguments and gives a state; believes neither."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Maker:
    """What a pickle finds under a name: it can be called, and nothing else."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any) -> Asked:
        """Notes the call."""
        return Asked(self._name, arguments)

    def __setstate__(self, _: Any) -> None:
        raise ValueError(f"a state for {self._name}")


# What numpy's own pickles name; the last module is numpy 2's name for the one before.
ALLOWED: dict[tuple[str, str], Callable[[], Any]] = {
    ("numpy", "dtype"): lambda: Maker("dtype"),
    ("numpy", "ndarray"): lambda: MARKER,
    ("numpy.core.multiarray", "_reconstruct"): lambda: Maker("array"),
    ("numpy._core.multiarray", "_reconstruct"): lambda: Maker("array"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for one of ALLOWED."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}: refused, only numpy arrays are read")
        return ALLOWED[module, name]()


class _Tree:
    """Turns what was read into dicts, lists and arrays of numbers."""

    def __init__(self) -> None:
        self.left = MOST_PARTS

    def of(self, value: Any) -> Any:
        """The plain value.

        Raises:
            ValueError: anything else is in it, or too much.
        """
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"more than {MOST_PARTS:,} parts")
        if isinstance(value, Asked):
            return _array(value)
        if type(value) is dict:
            return {key: self.of(inner) for key, inner in value.items() if _is_key(key)}
        if type(value) in (list, tuple):
            return type(value)(self.of(inner) for inner in value)
        if value is not None and type(value) not in (str, int, float, bool):
            raise ValueError(f"{type(value).__name__} in it")
        return value


def _is_key(key: Any) -> bool:
    if type(key) not in (str, int):
        raise ValueError("a key that is no name")
    return True


def _array(asked: Asked) -> np.ndarray:
    """The array of a call of `_reconstruct` and its state.

    Raises:
        ValueError: not what numpy writes of an array of plain numbers.
    """
    if asked.name != "array" or asked.arguments != (MARKER, (0,), b"b"):
        raise ValueError("no plain array")
    _, shape, dtype, by_columns, content = asked.state
    kind = _kind(dtype)
    if type(shape) is not tuple or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("an array of no shape")
    if type(content) is not bytes or len(content) != math.prod(shape) * kind.itemsize or type(by_columns) is not bool:
        raise ValueError("an array of another length than its shape")
    return np.frombuffer(content, kind).reshape(shape, order="F" if by_columns else "C").copy()


def _kind(dtype: Any) -> np.dtype[Any]:
    """The type of plain numbers that a pickle of `numpy.dtype` names."""
    code = dtype.arguments[0] if isinstance(dtype, Asked) and dtype.name == "dtype" and dtype.arguments else None
    if type(code) is not str or code not in KINDS or type(dtype.state) is not tuple:
        raise ValueError(f"an array of other things than plain numbers ({', '.join(sorted(KINDS))})")
    version, order, *rest = dtype.state
    if version != 3 or order not in ("<", ">", "|", "=") or tuple(rest) != (None, None, None, -1, -1, 0):
        raise ValueError("a forged type of numbers")
    return np.dtype(f"{order}{code}")


def _check_memo(content: bytes) -> None:
    """Raises ValueError at a value that is kept under a number beyond all parts: pickle would make room up to it."""
    for code, number, _ in pickletools.genops(content):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(number or 0) <= MOST_PARTS:
            raise ValueError(f"a part numbered {number}")


def read(content: bytes) -> Any:
    """The tree of dicts, lists and arrays of numbers in a pickle.

    Raises:
        pickle.UnpicklingError: anything else is in it, or it is cut off.
    """
    try:
        _check_memo(content)
        return _Tree().of(_Unpickler(io.BytesIO(content)).load())
    except (EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, struct.error) as error:
        raise pickle.UnpicklingError(f"not a whole pickle of arrays ({error})") from error
    except (RecursionError, MemoryError) as error:
        raise pickle.UnpicklingError("not a pickle of arrays: too deep or too large") from error
