"""The record of a job, `config.json` beside its outputs: what they follow from. Content counts in it, dates do not.

It holds the job's config and, as PROVENANCE, the digests of its modules, inputs and outputs, and what it computed with.
A job checks its inputs against the records of those who made them; whoever starts jobs asks the records which outputs
no longer follow from what stands beside them (`commands/why.py`).
"""

import functools
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from selfrefine.core import contents, files, machine
from selfrefine.core.errors import DamagedError
from selfrefine.core.names import PROVENANCE

NAME = "config.json"
ABOVE = 2  # folders above an output among which its record lies
DIGITS = 16

Digests = dict[str, str]
Known = tuple[dict[str, Any], dict[str, Any]]  # a job's config and provenance


def write(
    path: Path, config: Mapping[str, Any], code: Digests, inputs: Digests, outputs: Iterable[Path], lineage: str = ""
) -> None:
    """Keeps what a job has made, and what from; the last thing it does.

    Args:
        path: of the record.
        config: the job's.
        code: the digest of each module of its code.
        inputs: the digest of each input, taken before they were read.
        outputs: files and sealed folders; one that was not made is left out.
        lineage: see there.
    """
    made = {os.path.relpath(output, path.parent): digest(output) for output in outputs if output.exists()}
    provenance = {"lineage": lineage, "code": code, "inputs": inputs, "outputs": made, "machine": machine.facts()}
    files.write_json(path, {**config, PROVENANCE: provenance})


def lineage(config: Mapping[str, Any], code: str, origins: Digests) -> str:
    """Digest of all that a result follows from, back to what no job made: known without any of the files between.

    Args:
        config: the job's.
        code: the digest of its code.
        origins: of each input by its path, the lineage of what made it, or the digest of a file that no job made.
    """
    text = json.dumps([config, code, origins], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def origins(inputs: Digests) -> Digests:
    """Of each input of a job, by its path and with its digest, the lineage of the job that made it, or the digest."""
    return {path: (_entry(Path(path)) or ("", digest))[1] for path, digest in inputs.items()}


def read(path: Path) -> Known | None:
    """A job's config and provenance; None of a record that is missing, damaged, of an older version, or no job's."""
    try:
        state = path.stat()
    except OSError:
        return None
    return _read(path, state.st_size, state.st_mtime_ns, state.st_ino)


@functools.cache
def _read(path: Path, *_state: int) -> Known | None:
    """`read` of a file in one state: the records of a run are asked for thousands of times."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        provenance = config.pop(PROVENANCE)
        known: dict[str, Any] = {key: dict(provenance[key]) for key in ("code", "inputs", "outputs", "machine")}
        known["lineage"] = str(provenance["lineage"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return config, known


def made(path: Path) -> str | None:
    """The digest that an input had when a job made it; None of a file that no job made."""
    entry = _entry(path)
    return entry[0] if entry else None


def _entry(path: Path) -> tuple[str, str] | None:
    """Digest and lineage of an output, in the record of the job that made it; the record itself is an output, too."""
    if path.name == NAME and (known := read(path)):
        return digest(path), known[1]["lineage"]
    for folder in list(path.parents)[:ABOVE]:
        known, name = read(folder / NAME), os.path.relpath(path, folder)
        if known and name in known[1]["outputs"]:
            return known[1]["outputs"][name], known[1]["lineage"]
    return None


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the seal of a sealed folder, in 16 hex digits."""
    return files.sha256(path)[:DIGITS]


def check(inputs: Iterable[Path]) -> Digests:
    """The digests of a job's inputs, which are read through.

    Raises:
        DamagedError: one is not what its maker's record says: a bit has flipped, or it was put there by other means.
    """
    found = {}
    for path in inputs:
        found[str(path)] = digest(path)
        if made(path) not in (None, found[str(path)]):
            raise DamagedError(path, "changed since it was made (its record says so)")
    return found


def present(paths: Iterable[Path]) -> Digests:
    """`digest` of what is there now, by path: each file is read once and then known by its times and inode.

    Of a folder all files count, not only its seal, but for documents that were put beside them.
    """
    there = [path for path in paths if path.exists()]
    files_of = {path: files.visible(path) if path.is_dir() else {"": path} for path in there}
    each = {str(file): file for found in files_of.values() for file in found.values()}
    sha256s = contents.sha256s(each)
    return {
        str(path): (_seal(path, found, sha256s) if path.is_dir() else sha256s[str(path)])[:DIGITS]
        for path, found in files_of.items()
    }


def _seal(folder: Path, found: Mapping[str, Path], sha256s: Digests) -> str:
    """SHA-256 of the seal that a folder would have now."""
    sums = folder / files.SUMS
    sealed = {line[66:] for line in sums.read_text(errors="replace").splitlines()} if sums.is_file() else set()
    kept = {name for name in found if name in sealed or not files.is_document(name)} - {files.SUMS}
    return hashlib.sha256(files.seal({name: sha256s[str(found[name])] for name in kept}).encode()).hexdigest()
