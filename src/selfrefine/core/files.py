"""Everything that opens a data file: atomic writes, sealed folders, arrays, tensors, tables.

A file appears under its name only when it is complete and on the disk; readers say in one line what is wrong with what
they were given.
"""

import glob
import gzip
import hashlib
import json
import os
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfrefine.core.errors import DamagedError, InputError
from selfrefine.core.names import PROVENANCE

if TYPE_CHECKING:  # heavy: imported where they are used, so that a job pays only for what it needs
    import pandas as pd
    from matplotlib.figure import Figure

SUMS = "SHA256SUMS"
DOCUMENTS = (".md", ".rst", ".html", ".pdf", ".png", ".jpg")  # a model card and the like: no library reads them


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, renamed to it when the block ends well and deleted when it does not."""
    temporary = unfinished(path)
    try:
        yield temporary
        move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty folder beside `path`; when the block ends well it is sealed by SHA256SUMS and renamed."""
    temporary = unfinished(path)
    temporary.mkdir()
    try:
        yield temporary
        present = {name: sha256(file) for name, file in visible(temporary).items() if name != SUMS}
        (temporary / SUMS).write_text(seal(present))
        shutil.rmtree(path, ignore_errors=True)
        move(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move(finished: Path, path: Path) -> None:
    """Gives a finished file or folder its name, in an order that also a loss of power keeps: content, name, folder."""
    for part in [*finished.rglob("*"), finished] if finished.is_dir() else [finished]:
        _reach_disk(part)
    os.replace(finished, path)
    _reach_disk(path.parent)


def _reach_disk(path: Path) -> None:
    """Returns when the bytes of a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished(path: Path) -> Path:
    """A name beside `path` for this process, after removal of what killed processes left there of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.[0-9]*.part"):
        process = int(left.suffixes[-2][1:])
        if process == os.getpid() or not _is_alive(process):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is somebody else's
    return True


def visible(folder: Path) -> dict[str, Path]:
    """All files in a folder and below but hidden ones, by their names relative to it, sorted; none of no folder."""
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: found[name] for name in sorted(found) if not re.search(r"(^|/)\.", name)}


def check_folder(folder: Path) -> Path:
    """Returns `folder` if every file in it is as SHA256SUMS says; hidden files and documents may have been added.

    Raises:
        InputError: a missing folder or seal, or a changed, missing or additional file.
    """
    sums = folder / SUMS
    if not sums.is_file():
        raise DamagedError(folder, f"not a folder sealed by {SUMS}")
    recorded = {line[66:]: line[:64] for line in sums.read_text().splitlines()}
    present = visible(folder)
    present.pop(SUMS)
    for name in sorted(recorded.keys() | present.keys()):
        if name not in recorded:
            if not is_document(name):
                raise InputError(f"{folder / name}: not among the files that {SUMS} lists; move it elsewhere")
        elif name not in present or recorded[name] != sha256(present[name]):
            raise DamagedError(folder / name, f"changed since it was made ({SUMS} differs)", folder)
    return folder


def seal(sha256s: Mapping[str, str]) -> str:
    """The text of SHA256SUMS: a line for each file, by name, as `sha256sum --check` reads it."""
    return "".join(f"{sha256s[name]}  {name}\n" for name in sorted(sha256s))


def is_document(name: str) -> bool:
    """Whether a file may be added to a sealed folder."""
    return Path(name).suffix.lower() in DOCUMENTS


def sha256(path: Path) -> str:
    """SHA-256 of a file, or of the seal of a sealed folder, in hex."""
    if path.is_dir():
        return sha256(path / SUMS)
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; those of a .gz unpacked.

    Raises:
        InputError: a .gz that is cut off or damaged.
    """
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as stream:
            return stream.read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file ({error}); fetch it again") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file of any format."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Writes a CSV with fixed line ends and nine significant digits, so that equal numbers are equal bytes."""
    with atomic_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")


def read_table(path: Path, words: tuple[str, ...] = ()) -> "pd.DataFrame":
    """Reads a CSV that `write_table` wrote; columns of `words` as they stand, also "", "null" and "7"."""
    import pandas as pd

    return pd.read_csv(path, dtype=dict.fromkeys(words, str), keep_default_na=not words)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON with sorted keys."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Reads JSON."""
    return json.loads(path.read_text())


def read_config(path: Path) -> dict[str, Any]:
    """The config of a job from its config.json, without what that file also keeps of code and inputs."""
    config: dict[str, Any] = read_json(path)
    config.pop(PROVENANCE, None)
    return config


def write_text(path: Path, text: str) -> None:
    """Writes a text file, UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_figure(path: Path, figure: "Figure") -> None:
    """Writes a PNG figure without the name of the program: equal figures are equal bytes."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
