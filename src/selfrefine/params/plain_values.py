"""What params are made of, wherever they come from: mappings, lists, finite numbers and texts of one line."""

import math
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from selfrefine.params.references import Key, Problem
from selfrefine.params.strict_yaml import LONGEST
from selfrefine.params.words import shown

# Unicode's categories of signs that a text must not hold: control characters, half surrogates, breaks of lines.
BREAKING = ("Cc", "Cs", "Zl", "Zp")


def violations(value: Any, key: Key = ()) -> Iterator[Problem]:
    """What is no plain value, at any depth.

    Args:
        value: params, or what stands at `key` in them.
        key: where.
    """
    if isinstance(value, Mapping):
        for name, below in value.items():
            if not isinstance(name, str) or _breaks(name):
                yield (*key, name), "is no name; allowed: a text of one line"
            else:
                yield from violations(below, (*key, name))
    elif isinstance(value, list | tuple):
        for index, below in enumerate(value):
            yield from violations(below, (*key, index))
    elif isinstance(value, str):
        if _breaks(value) or len(value) > LONGEST:
            yield key, f"is {shown(value)}; allowed: a text of one line, at most {LONGEST} characters"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield key, f"is {value}; allowed: a finite number"
    elif value is not None and not isinstance(value, int):
        yield key, f"is a {type(value).__name__}; allowed: a mapping, a list, a number, a text, true or false"


def _breaks(text: str) -> bool:
    """Whether a text cannot stand on one line of any file or picture."""
    return any(unicodedata.category(sign) in BREAKING for sign in text)
