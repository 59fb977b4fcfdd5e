"""The answers of a study's participants: one file each, `<participant>.jsonl`, one record a line, as they came.

What is acknowledged is on the disk. The first record of a kind (of an answer: to a trial) stays; one that comes again
is answered with what is kept. A process that is killed while it writes leaves at most one line without its end: that
was never acknowledged, readers leave it out, and the next record takes its place.
"""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from selfrefine.core.errors import DamagedError, InputError
from selfrefine.study import records
from selfrefine.study.records import Record, RefusedError, Rules

if TYPE_CHECKING:  # heavy
    import pandas as pd

COLUMNS = ("participant", "trial", "cells", "milliseconds", "position", "input")
_writing = threading.Lock()  # of the threads of a server; `serve` keeps other processes out


def append(folder: Path, record: Record, known: Rules, simulated: bool = False) -> Record:
    """Keeps a record, and returns when it is on the disk.

    Args:
        folder: of the answers; made if it is not there.
        record: as it came.
        known: what records of the study may hold.
        simulated: whether simulated raters wrote it.

    Returns:
        the record that is kept: the given one, or the first of its kind and trial.

    Raises:
        RefusedError: none of the study, or out of its turn: before the start, or an end before all answers.
        OSError: it cannot be written; then nothing of it is kept.
    """
    records.check(record, known, simulated)
    path = folder / f"{record['participant']}.jsonl"
    with _writing:
        kept = of_participant(path) if path.exists() else []
        for other in kept:
            if other["study"] != known.study:
                raise RefusedError(f"{record['kind']}: the participant's file is of another study")
            if _slot(other) == _slot(record):
                return other
        if record["kind"] != "start" and not kept:
            raise RefusedError(f"{record['kind']}: unknown participant")
        if record["kind"] == "end" and sum(other["kind"] == "answer" for other in kept) < len(known.trials):
            raise RefusedError("end: answers are missing")
        _write(path, json.dumps(record, sort_keys=True).encode() + b"\n")
    return record


def of_participant(path: Path) -> list[Record]:
    """The records in a participant's file.

    Raises:
        InputError: a line that is no record.
    """
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            record = records.parse(line)
            records.check_keys({name: value for name, value in record.items() if name != "simulated"})
        except RefusedError as error:
            raise DamagedError(path, f"line {number} is no record ({error})") from None
        if record["participant"] != path.stem:
            raise DamagedError(path, f"line {number} is no record of this participant")
        found.append(record)
    return found


def participants(folder: Path) -> Iterator[tuple[Path, list[Record]]]:
    """The files in a folder of answers with their records, by name; of nothing but a torn first line none.

    Raises:
        InputError: no folder, or a damaged file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no folder of answers there")
    for path in sorted(folder.glob("*.jsonl")):
        if found := of_participant(path):
            yield path, found


def of_study(folder: Path, study: str) -> Iterator[tuple[Path, list[Record]]]:
    """`participants`, each of whom must be one of the study's, and no simulated one.

    Raises:
        InputError: a participant of another study, or a simulated rater.
    """
    for path, found in participants(folder):
        if any(record["study"] != study for record in found):
            raise InputError(f"{path}: answers to study {found[0]['study']}, not to {study}; move the file elsewhere")
        if any("simulated" in record for record in found):
            raise InputError(f"{path}: written by simulated raters, who are no participants; move the file elsewhere")
        yield path, found


def read(folder: Path, study: str) -> "pd.DataFrame":
    """All answers to a study, also of participants who have not ended.

    Args:
        folder: of the answers.
        study: the study's id (`selfrefine.study.folder.Key.study`).

    Returns:
        one row an answer: `participant`, `trial`, `cells` (a tuple, ascending), `milliseconds`, `position` (in the
        participant's order, from 1), `input` (mouse, touch or keyboard); without participants no rows.

    Raises:
        InputError: no folder, a damaged file, answers to another study, or those of simulated raters.
    """
    import pandas as pd

    rows = [
        {name: record[name] for name in COLUMNS} | {"cells": tuple(sorted(record["cells"]))}
        for _, found in of_study(folder, study)
        for record in found
        if record["kind"] == "answer"
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def withdraw(folder: Path, who: str) -> Path:
    """Deletes the file of a participant who asks for it.

    Args:
        folder: of the answers.
        who: the code shown at the end, or the participant's number as the page shows it: its first digits.

    Returns:
        the file that was deleted.

    Raises:
        InputError: nobody, or several, are meant.
    """
    found = [
        path
        for path, kept in participants(folder)
        if (len(who) >= 8 and path.stem.startswith(who.lower()))
        or any(record["kind"] == "end" and record["code"] == who.upper() for record in kept)
    ]
    if len(found) != 1:
        raise InputError(
            f"{who}: {len(found)} participants of {folder} have this code or number; exactly one is needed"
        )
    found[0].unlink()
    return found[0]


def _slot(record: Record) -> tuple[str, str]:
    """What there is one of."""
    return record["kind"], record.get("trial", "")


def _write(path: Path, line: bytes) -> None:
    """Adds a line in the place of one without an end; on the disk when it returns, and gone when it fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # the laboratory's alone
    try:
        content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        whole = content.rfind(b"\n") + 1
        os.ftruncate(descriptor, whole)
        try:
            if os.pwrite(descriptor, line, whole) < len(line):
                raise OSError("the disk took only a part of the record")
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, whole)
            raise
    finally:
        os.close(descriptor)
    if not whole:  # the file's name, too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
