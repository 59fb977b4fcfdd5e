"""The chain of providers: each fails fast with one plain line, then the next is tried; nothing is replaced silently."""

import contextlib
import http.client
import os
import pickle
import shutil
import signal
import socket
import subprocess
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

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
    http.client.HTTPException,
    tarfile.TarError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    zlib.error,
)
SECONDS_BETWEEN_LOOKS = 5.0  # at what a provider has taken so far


class Most(NamedTuple):
    """What one provider may take: of the disk, for downloads and what is unpacked of them, and of time."""

    gib: float
    hours: float


def first_delivery(
    what: str,
    order: Sequence[str],
    providers: Mapping[str, Provider[DeliveredT]],
    scratch: Path,
    remedy: str,
    most: Most,
) -> DeliveredT:
    """What the first provider in `order` that does not fail delivers.

    Args:
        what: name of what is fetched, for the messages.
        order: names of providers, the first is tried first.
        providers: all that there are.
        scratch: folder for downloads; each provider gets an empty one in it.
        remedy: what the user can do when all fail.
        most: what each provider may take; one that takes more has failed.

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
            with short_timeouts(), limits(folder, most):
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


@contextlib.contextmanager
def limits(folder: Path, most: Most) -> Iterator[None]:
    """Ends the block when it has taken too long or filled a folder with too much, whatever library is at work in it.

    By the alarm of the process, so only in its main thread, where every job fetches; elsewhere nothing is limited.

    Raises:
        InputError: from within the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    began = time.monotonic()

    def look(*_: object) -> None:
        if (hours := (time.monotonic() - began) / 3600) > most.hours:
            raise InputError(f"not done after {hours:.2g} hours; {most.hours:g} allowed")
        if (gib := size(folder) / 2**30) > most.gib:
            raise InputError(f"{gib:.2g} GiB and no end; {most.gib:g} allowed")

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_BETWEEN_LOOKS, SECONDS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def size(folder: Path) -> int:
    """Bytes of all files in a folder and below; of those that vanish meanwhile none."""
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(above, name).lstat().st_size
    return total


def check_digest(what: str, given: str, expected: str) -> None:
    """Raises InputError if a sha256 is not the pinned one."""
    if given != expected:
        raise InputError(
            f"{what}: sha256 {given[:12]}... given, {expected[:12]}... expected: cut off on the way, or another file"
        )
