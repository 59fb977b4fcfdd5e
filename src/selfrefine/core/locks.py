"""Locks between processes: held by one at a time, and freed when that one ends, however it ends."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


class HeldError(Exception):
    """Another process holds the lock; the message says which."""


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Holds the lock of this name until the block ends.

    Args:
        path: a file that may be made; who holds it stands in a file beside it.

    Yields:
        whether the last one who held it, on this machine, was killed before it could free it.

    Raises:
        HeldError: at once, while another process holds it.
        OSError: no file can be made there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f"{path.name}.holder")
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise HeldError(holder.read_text().strip() if holder.is_file() else "another process") from None
    try:
        left = holder.is_file() and holder.read_text().endswith(f" on {socket.gethostname()}\n")
        holder.write_text(f"process {os.getpid()} on {socket.gethostname()}\n")
        yield left
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
