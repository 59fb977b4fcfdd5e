"""Answers that participants downloaded, or that JATOS exports as text, taken into a folder of answers."""

from collections.abc import Sequence
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.study import answers, records
from selfrefine.study.records import Record, RefusedError, Rules

ORDER = ("start", "answer", "comment", "end")


def take(folder: Path, given: Sequence[Path], known: Rules) -> tuple[int, int]:
    """Takes what is new in files of records, one a line; each may hold several participants, in any order.

    All is checked before anything is written. What is there already stays as it is, so that a file may be given again.

    Args:
        folder: of the answers; made if it is not there.
        given: the files.
        known: what answers of the study may hold.

    Returns:
        participants in the files, and records in them that were new.

    Raises:
        InputError: a line that is no record of the study, or one without its participant's start.
    """
    found = [(f"{path}, line {number}", record) for path in given for number, record in _read(path)]
    started = {record["participant"] for _, record in found if record.get("kind") == "start"}
    for place, record in found:
        try:
            records.check(record, known)
        except RefusedError as error:
            raise InputError(f"{place}: {error}; nothing was taken") from None
        if record["participant"] not in started and not (folder / f"{record['participant']}.jsonl").exists():
            raise InputError(f"{place}: of a participant whose start is in none of the files; nothing was taken")
    new = 0
    for place, record in sorted(found, key=lambda item: ORDER.index(item[1]["kind"])):
        path = folder / f"{record['participant']}.jsonl"
        before = path.stat().st_size if path.exists() else 0
        try:
            answers.append(folder, record, known)
        except RefusedError as error:
            raise InputError(f"{place}: {error}") from None
        new += path.stat().st_size > before
    return len({record["participant"] for _, record in found}), new


def _read(path: Path) -> list[tuple[int, Record]]:
    """The records of a file with the numbers of their lines; empty lines are none."""
    found = []
    for number, line in enumerate(files.read_bytes(path).splitlines(), start=1):
        if line.strip():
            try:
                record = records.parse(line)
            except RefusedError as error:
                raise InputError(f"{path}, line {number}: {error}; nothing was taken") from None
            found.append((number, record))
    return found
