"""What files of the user hold, in a few letters: their content counts, not their dates. Each is read once.

A small cache keeps the digest of each file with its size, times and inode: another file of an older date, or of equal
size and date, has another inode or time of change. The cache begins with a digest of itself: a damaged one would rerun
what nobody changed. Imports nothing heavy: the Snakefile uses it.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from selfrefine.core import files

CACHES = Path("scratch", "contents")  # from the project's folder; whoever deletes them has the files read again
SETTLED = 3.0  # seconds since its last change, before which a file may change without a new time
TOLD = 2**30  # bytes to be read from which a line says so
UNREADABLE = "unreadable"  # the digest of what cannot be read

State = list[int]


def digest(paths: Mapping[str, Path], caches: Path = CACHES) -> str:
    """Digest of the names and contents of files, in 16 hex digits: none of their order, dates and places.

    Args:
        paths: of the files, by name.
        caches: folder of what is known of files; one that can't be written is done without.
    """
    found = sha256s(paths, caches)
    lines = (f"{name}\n{found[name]}\n" for name in sorted(found))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def sha256s(paths: Mapping[str, Path], caches: Path = CACHES) -> dict[str, str]:
    """SHA-256 of each file, by name, or UNREADABLE; same arguments as `digest`."""
    folder = os.path.commonpath([path.absolute() for path in paths.values()]) if paths else ""
    cache = caches / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.json"
    known, states = _read(cache), {name: _state(path) for name, path in paths.items()}
    found = {name: known[name][1] for name, state in states.items() if name in known and known[name][0] == state}
    missing = [name for name in paths if name not in found]
    total = sum(states[name][0] for name in missing if states[name])
    if total >= TOLD:
        print(f"{folder}: reading {len(missing)} files, {total / 2**30:.1f} GiB, once", file=sys.stderr, flush=True)
    now = time.time()
    with ThreadPoolExecutor() as pool:
        found |= zip(missing, pool.map(_sha256, (paths[name] for name in missing)), strict=True)
    kept = {
        name: (state, found[name])
        for name, state in states.items()
        if state and found[name] != UNREADABLE and max(state[1:3]) < (now - SETTLED) * 1e9
    }
    if kept != known:
        _write(cache, kept)
    return found


def _state(path: Path) -> State:
    """What changes with a file: size, times of content and of anything, inode, device; nothing of one that is gone."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_dev]


def _sha256(path: Path) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return UNREADABLE


def _read(cache: Path) -> dict[str, tuple[State, str]]:
    """State and digest of each file; nothing of a cache that is missing or damaged."""
    try:
        checksum, _, text = cache.read_text().partition("\n")
    except (OSError, ValueError):
        return {}
    if checksum != _checksum(text):
        return {}
    return {name: (state, sha) for name, (state, sha) in json.loads(text).items()}


def _write(cache: Path, known: Mapping[str, tuple[State, str]]) -> None:
    with contextlib.suppress(OSError):  # the cache saves time and nothing else
        text = json.dumps(known)
        files.write_text(cache, f"{_checksum(text)}\n{text}")


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
