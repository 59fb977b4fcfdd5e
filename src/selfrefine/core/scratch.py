"""Scratch folders: where a long job keeps what it needs to go on after a kill.

Snakemake deletes a job's outputs before it starts, so checkpoints live beside the rooms, in `scratch/<output path
without room>/<key>/`. The key is a digest of all that decides the result; another key never sees the checkpoint.
"""

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
def scratch(output: Path, key: str) -> Iterator[Path]:
    """Yields the job's own scratch folder under an exclusive lock; removes the whole root when the block ends well.

    Args:
        output: any output of the job.
        key: digest of config, code and inputs.

    Raises:
        InputError: another process works on the same output.
    """
    root = scratch_root(output)
    try:
        with locks.hold(root / "lock"):
            folder = root / key[:16]
            if not folder.is_dir() and any(entry.is_dir() for entry in root.iterdir()):
                print("config, code or inputs changed since the last checkpoint: starting afresh", flush=True)
            folder.mkdir(exist_ok=True)
            yield folder
            shutil.rmtree(root, ignore_errors=True)
    except locks.HeldError as holder:
        raise InputError(
            f"{output.parent}: {holder} is working on it; wait for it, or stop it and run the same command"
        ) from None
