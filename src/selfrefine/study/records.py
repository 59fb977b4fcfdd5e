"""What an answer is: a JSON object of one of four kinds, and what each of its values may be.

The server, the import and the reader of answers all ask here, so that nothing stands in a file that is not one.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.study import folder as study_folder

PARTICIPANT = re.compile(r"[0-9a-f]{32}")  # random; the browser makes it
CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}")
INPUTS = ("mouse", "touch", "keyboard")
LONGEST_COMMENT = 2000  # characters
LONGEST_TRIAL = 7 * 24 * 3600 * 1000  # milliseconds: a page may be left open
LONGEST = 16384  # bytes of a record: a comment whose characters JSON escapes

COMMON = {"study", "participant", "kind"}  # what each record has, beside the keys of its kind
KEYS = {
    "start": {"consent"},
    "answer": {"trial", "cells", "milliseconds", "position", "input"},
    "comment": {"text"},
    "end": {"code"},
}

Record = dict[str, Any]


class RefusedError(Exception):
    """A record that is not one of the study; the message says why, and repeats nothing of it that is not safe."""


@dataclass(frozen=True)
class Rules:
    """What the records of a study may hold.

    Attributes:
        study: its id.
        consent: SHA-256 of the consent's text.
        trials: ids of its trials.
        cells: of the grid.
        picks: cells of an answer.
    """

    study: str
    consent: str
    trials: frozenset[str]
    cells: int
    picks: int


def rules(folder: Path) -> Rules:
    """Those of the study in a folder.

    Raises:
        InputError: no folder of a study.
    """
    told = study_folder.read_public(folder)
    trials = frozenset(trial["id"] for trial in told["trials"])
    return Rules(told["study"], told["consent"], trials, told["grid"] ** 2, told["picks"])


def parse(line: bytes) -> Record:
    """A record from its JSON.

    Raises:
        RefusedError: not a JSON object, or one with a key twice or with a number that JSON does not have.
    """
    if len(line) > LONGEST:
        raise RefusedError(f"{len(line)} bytes; allowed: {LONGEST}")
    try:
        record = json.loads(line.decode("utf-8"), object_pairs_hook=_without_doubles, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RefusedError("not JSON") from None
    if not isinstance(record, dict):
        raise RefusedError("not a JSON object")
    return record


def check(record: Mapping[str, Any], known: Rules, simulated: bool = False) -> None:
    """Returns if a record is one of the study.

    Args:
        record: as `parse` returns it.
        known: what it may hold.
        simulated: whether it may say that simulated raters wrote it.

    Raises:
        RefusedError: it is none.
    """
    kind = check_keys({name: value for name, value in record.items() if not (simulated and name == "simulated")})
    if record["study"] != known.study:
        raise RefusedError(f"{kind}: of another study")
    fits = _values(known)
    for name in sorted(KEYS[kind] | {"participant"}):
        if not fits[name](record[name]):
            raise RefusedError(f"{kind}: bad {name}")


def check_keys(record: Mapping[str, Any]) -> str:
    """Returns the kind of a record that has the keys of its kind.

    Raises:
        RefusedError: it has others.
    """
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in KEYS:
        raise RefusedError(f"kind is none of {', '.join(KEYS)}")
    if record.keys() != KEYS[kind] | COMMON:
        raise RefusedError(f"{kind}: other keys than {', '.join(sorted(KEYS[kind] | COMMON))}")
    return kind


def _values(known: Rules) -> dict[str, Callable[[Any], bool]]:
    """What each value must fit."""
    return {
        "participant": _matches(PARTICIPANT),
        "consent": lambda value: value == known.consent,
        "trial": lambda value: isinstance(value, str) and value in known.trials,
        "cells": lambda value: (
            isinstance(value, list)
            and all(_whole(cell, 0, known.cells - 1) for cell in value)
            and len(value) == len(set(value)) == known.picks
        ),
        "milliseconds": lambda value: _whole(value, 0, LONGEST_TRIAL),
        "position": lambda value: _whole(value, 1, len(known.trials)),
        "input": lambda value: isinstance(value, str) and value in INPUTS,
        "text": _is_comment,
        "code": _matches(CODE),
    }


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_comment(value: object) -> bool:
    """Text that can be written: JSON also has halves of characters."""
    return isinstance(value, str) and len(value) <= LONGEST_COMMENT and not re.search("[\ud800-\udfff]", value)


def _whole(value: object, least: int, most: int) -> bool:
    """A whole number; JSON's true is none."""
    return type(value) is int and least <= value <= most


def _without_doubles(pairs: list[tuple[str, Any]]) -> Record:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _no_number(word: str) -> float:
    raise ValueError(word)
