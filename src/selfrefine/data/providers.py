"""The chain of providers: each fails fast with one plain line, then the next is tried; nothing is replaced silently."""

import contextlib
import pickle
import shutil
import socket
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from selfrefine.core.errors import DISK_ERRORS, InputError, one_line

DeliveredT = TypeVar("DeliveredT")
# Fetches into the empty folder that it is given; raises one of FAILURES where it cannot.
Provider = Callable[[Path], DeliveredT]

SECONDS_WITHOUT_ANSWER = 20.0  # after which a host counts as unreachable
# What a provider may die of: no network, no such program or package, a cut-off or foreign file.
FAILURES = (
    InputError,
    OSError,
    RuntimeError,
    ValueError,
    EOFError,
    ImportError,
    subprocess.SubprocessError,
    tarfile.TarError,
    pickle.UnpicklingError,
    zlib.error,
)


def first_delivery(
    what: str, order: Sequence[str], providers: Mapping[str, Provider[DeliveredT]], scratch: Path, remedy: str
) -> DeliveredT:
    """What the first provider in `order` that does not fail delivers.

    Args:
        what: name of what is fetched, for the messages.
        order: names of providers, the first is tried first.
        providers: all that there are.
        scratch: folder for downloads; each provider gets an empty one in it.
        remedy: what the user can do when all fail.

    Raises:
        InputError: an unknown name in `order`, or all failed.
        OSError: the disk, not the provider, is at fault.
    """
    for name in order:
        if name not in providers:
            raise InputError(f"params.yaml: {what}: provider {name} is unknown; allowed: {', '.join(providers)}")
    for name in order:
        folder = scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            with short_timeouts():
                delivered = providers[name](folder)
        except FAILURES as error:
            if isinstance(error, OSError) and error.errno in DISK_ERRORS:
                raise
            print(f"{what}: provider {name} failed: {one_line(error)}", flush=True)
            continue
        print(f"{what}: from provider {name}", flush=True)
        return delivered
    raise InputError(f"{what}: tried {', '.join(order)}, none could deliver it", remedy)


@contextlib.contextmanager
def short_timeouts() -> Iterator[None]:
    """Lets every socket that sets no timeout of its own (urllib in torch.hub) give up soon."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SECONDS_WITHOUT_ANSWER)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def check_digest(what: str, given: str, expected: str) -> None:
    """Raises InputError if a sha256 is not the pinned one."""
    if given != expected:
        raise InputError(
            f"{what}: sha256 {given[:12]}... given, {expected[:12]}... expected: cut off on the way, or another file"
        )
