"""Scratch folders: where a long job keeps what it needs to go on after a kill.

Snakemake deletes a job's outputs before it starts, so checkpoints live beside the rooms, in `scratch/<output path
without room>/<key>/`. The key is a digest of all that decides the result; another key never sees the checkpoint.
"""

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selfrefine.core import locks
from selfrefine.core.errors import InputError


def scratch_root(output: Path) -> Path:
    """Where the job that writes `output` keeps scratch: `models/a/b/file` gives `scratch/a/b`."""
    relative = output if not output.is_absolute() else _below_working_folder(output)
    if relative is None or len(relative.parts) < 3:
        return output.parent / ".scratch" / output.name
    return Path("scratch", *relative.parts[1:-1])


def _below_working_folder(path: Path) -> Path | None:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return None


@contextmanager
def lock(output: Path) -> Iterator[None]:
    """Holds whatever a job writes for this process alone: two jobs would mix their files, or undo each other's.

    Raises:
        InputError: another process works on the same output.
    """
    root = scratch_root(output)
    try:
        with locks.hold(root / "lock"):
            try:
                yield
            finally:
                _remove_empty(root)
    except locks.HeldError as holder:
        raise InputError(
            f"{output.parent}: {holder} is working on it; wait for it, or stop it and run the same command"
        ) from None


@contextmanager
def scratch(output: Path, key: str) -> Iterator[Path]:
    """Yields the job's own scratch folder; removes it, and those of other keys, when the block ends well.

    Args:
        output: any output of the job, whose lock is held.
        key: digest of config, code and inputs.
    """
    root = scratch_root(output)
    folder = root / key[:16]
    folders = [entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
    if folders and folder not in folders:
        print("config, code, inputs or machine changed since the last checkpoint: starting afresh", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    yield folder
    for used in {*folders, folder}:
        shutil.rmtree(used, ignore_errors=True)
    with contextlib.suppress(OSError):  # the lock is in it
        root.rmdir()


def _remove_empty(root: Path) -> None:
    """Removes a root that holds no more than its lock, and what was made for it beside an output."""
    if not any(entry.is_dir() for entry in root.iterdir()):
        shutil.rmtree(root, ignore_errors=True)
        with contextlib.suppress(OSError):  # others have theirs in it
            root.parent.rmdir()
