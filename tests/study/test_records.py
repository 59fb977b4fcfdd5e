"""What is no record of a study is refused, value by value."""

import json

import pytest

from selfrefine.study import records
from selfrefine.study.records import RefusedError, Rules
from tests.support import tiny_study

KNOWN = Rules("0123456789ab", "c" * 64, frozenset({"t01", "t02"}), 16, 3)
START, ANSWER, END = tiny_study.start(KNOWN), tiny_study.answer(KNOWN), tiny_study.end(KNOWN)
COMMENT = {"study": KNOWN.study, "participant": tiny_study.PERSON, "kind": "comment", "text": "a sleeve\nand more"}


@pytest.mark.parametrize("record", [START, ANSWER, COMMENT, END], ids=lambda record: record["kind"])
def test_a_record_of_the_study_is_one(record):
    records.check(records.parse(json.dumps(record).encode()), KNOWN)


WRONG = {
    "no kind": {"kind": None},
    "another kind": {"kind": "withdraw"},
    "a list for a kind": {"kind": ["start"]},
    "another study": {"study": "ba9876543210"},
    "a path": {"participant": "../../etc/passwd".ljust(32, "a")},
    "a number for a participant": {"participant": 7},
    "capitals": {"participant": "A" * 32},
    "a line behind": {"participant": tiny_study.PERSON + "\n"},
    "another trial": {"trial": "t03"},
    "a list for a trial": {"trial": ["t01"]},
    "two cells": {"cells": [1, 2]},
    "four cells": {"cells": [1, 2, 3, 4]},
    "a cell twice": {"cells": [1, 1, 2]},
    "a cell outside": {"cells": [1, 2, 16]},
    "a negative cell": {"cells": [-1, 2, 3]},
    "true for a cell": {"cells": [True, 2, 3]},
    "a part of a cell": {"cells": [1.5, 2, 3]},
    "lists for cells": {"cells": [[1], [2], [3]]},
    "a word for cells": {"cells": "123"},
    "before the beginning": {"milliseconds": -1},
    "for ever": {"milliseconds": 1e999},
    "true for a time": {"milliseconds": True},
    "position 0": {"position": 0},
    "a position behind the end": {"position": 3},
    "another input": {"input": "gaze"},
    "a key more": {"address": "127.0.0.1"},
    "a mark of simulation": {"simulated": True},
}


@pytest.mark.parametrize("case", WRONG)
def test_what_an_answer_may_not_be_is_refused(case):
    with pytest.raises(RefusedError) as error:
        records.check(ANSWER | WRONG[case], KNOWN)
    assert "\n" not in str(error.value)


def test_what_the_others_may_not_be_is_refused():
    for record in (
        START | {"consent": "d" * 64},
        START | {"simulated": False},
        COMMENT | {"text": "a" * 2001},
        COMMENT | {"text": "\ud800"},
        COMMENT | {"text": None},
        END | {"code": "abcd-2345"},
        {name: value for name, value in ANSWER.items() if name != "cells"},
    ):
        with pytest.raises(RefusedError):
            records.check(record, KNOWN)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"null", b"[1]", b'"start"', b"\xff\xfe{}", b'{"a": NaN}', b'{"kind": "start", "kind": "end"}',
     b"[" * 5000, b"9" * 5000, b" " * 20000],
)  # fmt: skip
def test_what_is_not_json_is_refused(line):
    with pytest.raises(RefusedError):
        records.parse(line)
