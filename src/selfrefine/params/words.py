"""How values and names stand in a line about what is wrong: short, printable, on one line."""

import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST = 100  # characters of a value or name that are shown
LISTED = 300  # characters of the names that are known


def short(what: object) -> str:
    """Its text, cut, with escapes in the place of signs that cannot be printed."""
    words = " ".join(str(what).split())
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in words[: LONGEST + 1])
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def shown(value: Any) -> str:
    """A value of the params as YAML and JSON write it."""
    return short(json.dumps(value, default=str))


def dotted(key: Iterable[str | int]) -> str:
    """The path to a leaf, with dots."""
    return ".".join(map(short, key))


def nearest(name: object, known: Iterable[str]) -> str:
    """The end of a line about an unknown name: the nearest known one and all of them, or as many as fit."""
    names = list(known)
    meant = "".join(f"did you mean {close}? " for close in get_close_matches(short(name), names, n=1))
    listed = ", ".join(names)
    if len(listed) > LISTED:
        listed = f"{listed[:LISTED].rpartition(', ')[0]} and others, {len(names)} in all"
    return f"; {meant}known: {listed}"
