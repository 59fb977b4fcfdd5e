"""A plan in words."""

import pytest

from selfrefine.cost import plan_table
from selfrefine.cost.estimate import Line

LINES = [
    Line("train_base", 3, 12.5e12, 15.0, 160.0, 170.0, 50 * 2**20, 800 * 2**20, 90 * 2**20),
    Line("make_tables", 1, 0.0, 2.0, 0.0, None, 0, 600 * 2**20, 0),
]


def test_columns_are_aligned_and_all_is_the_sum():
    head, one, two, rule, last = plan_table.text(LINES, recorded=True).splitlines()
    assert len({len(line) for line in (head, one, two, rule, last)}) == 1
    assert " ".join(one.split()) == "train_base 3 12.5 T 15 s 2.7 min 2.9 min 2.8 min 50 MiB 800 MiB 90 MiB"
    assert " ".join(two.split()) == "make_tables 1 - 2 s 0 s 2 s - - 600 MiB -"
    assert " ".join(last.split()) == "all 4 12.5 T 17 s 2.7 min 3.0 min - 50 MiB 800 MiB 90 MiB"


def test_without_records_there_is_no_column_of_them():
    assert "recorded" not in plan_table.text(LINES, recorded=False)
    assert "recorded" in plan_table.text(LINES, recorded=True)


def test_all_is_recorded_if_every_stage_is():
    assert plan_table.total(LINES).recorded_seconds is None
    assert plan_table.total(LINES[:1]).recorded_seconds == 170.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89.4, "89 s"), (90.0, "1.5 min"), (5399.0, "90.0 min"), (5400.0, "1.5 h"), (345600.0, "4.0 d")],
)
def test_durations(seconds, words):
    assert plan_table.duration(seconds) == words


@pytest.mark.parametrize(("flops", "words"), [(0, "-"), (5e5, "0.5 M"), (2.5e9, "2.5 G"), (3.25e18, "3.25 E")])
def test_flops(flops, words):
    assert plan_table.scaled(flops) == words


@pytest.mark.parametrize(("n_bytes", "words"), [(0, "-"), (10, "10 B"), (1536, "1.5 KiB"), (1.5 * 2**40, "1.5 TiB")])
def test_sizes(n_bytes, words):
    assert plan_table.size(n_bytes) == words


def test_columns_of_a_file_are_plain_numbers():
    columns = plan_table.columns(LINES)
    assert columns["stage"] == ["train_base", "make_tables"]
    assert columns["flops"] == [12.5e12, 0.0]
