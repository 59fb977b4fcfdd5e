"""Where a run keeps what it needs to go on after a kill: a hidden folder beside its output, gone when that is there."""

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfrefine.core import locks
from selfrefine.core.errors import InputError


def root(out: Path) -> Path:
    """The hidden folder of an output."""
    return out.parent / f".{out.name}.unfinished"


@contextmanager
def lock(out: Path) -> Iterator[Path]:
    """Holds the output for this process alone, and yields its hidden folder.

    That is gone when the block ends well, or in a line about what was asked; whatever else ends it, it is kept.

    Raises:
        InputError: another process works on it, or it cannot be made.
    """
    place = root(out)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out: {out} cannot be made ({error.strerror}); name a folder that can") from None
    try:
        with locks.hold(place / "lock"):
            try:
                yield place
            except InputError:
                _clear(place)
                raise
            _clear(place)
    except locks.HeldError as holder:
        raise InputError(f"out: {holder} is working on {out}; wait for it, or stop it and run the same again") from None
    finally:
        _remove_empty(place)


def _clear(place: Path) -> None:
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)


def _remove_empty(place: Path) -> None:
    """Removes the folder if it holds no more than a lock that nobody holds."""
    with contextlib.suppress(OSError):
        if [path.name for path in place.iterdir()] == ["lock"]:
            shutil.rmtree(place)


def scratch(place: Path, key: str) -> Path:
    """The folder of a run with this key; what one with another key left there is removed, and a line says so."""
    folder = place / f"run-{key}"
    others = [path for path in place.glob("run-*") if path != folder]
    if others:
        print("options, images or machine changed since the last checkpoint: starting afresh", flush=True)
    for path in others:
        shutil.rmtree(path)
    folder.mkdir(exist_ok=True)
    return folder
