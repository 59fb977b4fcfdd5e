"""Answers on the disk: the first stays, a torn line never counts, and simulated raters are refused."""

import json
import os
import resource

import pytest

from selfrefine.core.errors import InputError
from selfrefine.study import answers, simulated_raters
from selfrefine.study.records import RefusedError
from tests.support import tiny_study
from tests.support.tiny_study import PERSON


@pytest.fixture
def known(tmp_path):
    return tiny_study.write(tmp_path / "study")


def take(folder, known, *records):
    for record in (tiny_study.start(known), *records):
        answers.append(folder, record, known)


def test_what_was_kept_is_read(known, tmp_path):
    take(tmp_path / "a", known, tiny_study.answer(known, "t02"), tiny_study.answer(known, "t01", input="touch"))
    table = answers.read(tmp_path / "a", known.study)
    assert table.columns.tolist() == ["participant", "trial", "cells", "milliseconds", "position", "input"]
    assert table.to_dict("records")[1] == {
        "participant": PERSON, "trial": "t01", "cells": (0, 3, 9), "milliseconds": 1500, "position": 1, "input": "touch"
    }  # fmt: skip
    assert len(table) == 2


def test_without_participants_the_table_is_empty(known, tmp_path):
    (tmp_path / "a").mkdir()
    assert answers.read(tmp_path / "a", known.study).empty
    with pytest.raises(InputError, match="no folder of answers"):
        answers.read(tmp_path / "b", known.study)


def test_the_first_answer_stays_and_the_same_again_doubles_nothing(known, tmp_path):
    first, other = tiny_study.answer(known), tiny_study.answer(known, cells=[1, 2, 4])
    take(tmp_path, known, first)
    assert answers.append(tmp_path, first, known) == first
    assert answers.append(tmp_path, other, known) == first
    assert len((tmp_path / f"{PERSON}.jsonl").read_text().splitlines()) == 2


def test_a_line_without_its_end_never_counts_and_is_replaced(known, tmp_path):
    take(tmp_path, known)
    path = tmp_path / f"{PERSON}.jsonl"
    whole = path.read_bytes()
    torn = json.dumps(tiny_study.answer(known)).encode()
    for cut in (1, len(torn) // 2, len(torn)):
        path.write_bytes(whole + torn[:cut])
        assert answers.read(tmp_path, known.study).empty
        answers.append(tmp_path, tiny_study.answer(known, "t04"), known)
        assert answers.read(tmp_path, known.study)["trial"].tolist() == ["t04"]


def test_what_cannot_be_written_leaves_nothing(known, tmp_path):
    """Here a limit of the system in the place of a full disk."""
    take(tmp_path, known)
    path = tmp_path / f"{PERSON}.jsonl"
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))
    try:
        with pytest.raises(OSError, match=r"part|large"):
            answers.append(tmp_path, tiny_study.answer(known), known)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before


def test_a_record_is_on_the_disk_before_it_is_acknowledged(known, tmp_path, monkeypatch):
    """The system is asked to bring it there when it is written; where that fails, nothing of it is kept."""
    path, content = tmp_path / f"{PERSON}.jsonl", []
    monkeypatch.setattr(os, "fsync", lambda _: content.append(path.read_bytes()))
    take(tmp_path, known, tiny_study.answer(known))
    assert content[:2] == [content[0], content[0]]  # the file's first line, and its name in the folder
    assert content[2:] == [path.read_bytes()]
    monkeypatch.setattr(os, "fsync", lambda _: os.close(-1))
    with pytest.raises(OSError, match="descriptor"):
        answers.append(tmp_path, tiny_study.answer(known, "t02"), known)
    assert content[2:] == [path.read_bytes()]


def test_what_comes_out_of_its_turn_is_refused(known, tmp_path):
    with pytest.raises(RefusedError, match="unknown participant"):
        answers.append(tmp_path, tiny_study.answer(known), known)
    take(tmp_path, known, tiny_study.answer(known))
    with pytest.raises(RefusedError, match="answers are missing"):
        answers.append(tmp_path, tiny_study.end(known), known)


def test_simulated_raters_are_refused_by_the_reader(known, tmp_path):
    simulated_raters.write(tmp_path / "a", known, 2, 0)
    for path, found in answers.participants(tmp_path / "a"):
        assert found[0]["simulated"] is True
        assert [record["kind"] for record in found] == ["start", *["answer"] * 5, "end"], path
    with pytest.raises(InputError, match="simulated raters, who are no participants"):
        answers.read(tmp_path / "a", known.study)


def test_answers_to_another_study_are_refused(known, tmp_path):
    take(tmp_path / "a", known)
    with pytest.raises(InputError, match=f"answers to study {known.study}, not to 0123"):
        answers.read(tmp_path / "a", "0123")


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"a": 1, "a": 2}', '{"kind": "end", "study": "", "participant": "x"}']
)
def test_a_damaged_file_is_one_line(line, known, tmp_path):
    take(tmp_path / "a", known)
    path = tmp_path / "a" / f"{PERSON}.jsonl"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match="line 2 is no record"):
        answers.read(tmp_path / "a", known.study)


@pytest.mark.parametrize("who", [PERSON[:8], PERSON, PERSON[:8].upper(), "ABCD-2345", "abcd-2345"])
def test_who_withdraws_is_gone(who, known, tmp_path):
    given = [tiny_study.answer(known, trial) for trial in sorted(known.trials)]
    take(tmp_path / "a", known, *given, tiny_study.end(known))
    answers.append(tmp_path / "a", tiny_study.start(known, "f" * 32), known)
    assert answers.withdraw(tmp_path / "a", who).stem == PERSON
    assert [path.stem for path, _ in answers.participants(tmp_path / "a")] == ["f" * 32]
    with pytest.raises(InputError, match=": 0 participants of"):
        answers.withdraw(tmp_path / "a", who)


def test_too_few_digits_withdraw_nobody(known, tmp_path):
    take(tmp_path / "a", known)
    with pytest.raises(InputError, match=": 0 participants of"):
        answers.withdraw(tmp_path / "a", PERSON[:7])
