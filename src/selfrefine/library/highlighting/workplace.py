"""Where a run keeps what it needs to go on after a kill: a hidden folder beside its output, gone when that is there."""

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

    Raises:
        InputError: another process works on it.
    """
    place = root(out)
    try:
        with locks.hold(place / "lock"):
            yield place
            for path in place.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
    except locks.HeldError as holder:
        raise InputError(f"out: {holder} is working on {out}; wait for it, or stop it and run the same again") from None
    shutil.rmtree(place, ignore_errors=True)


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
