"""The time that a run still takes, from the files of runs before it and from its own jobs."""

import time
from pathlib import Path

import pytest

from selfrefine.cost.time_left import Ahead, TimeLeft, left_words, words

HEAD = "s\th:m:s\n"


def ahead(name, *needs, stage="train_base"):
    """A job of the experiment `smoke`, named by its record."""
    return Ahead(Path(name), Path("benchmarks", stage, "smoke", f"{name}.tsv"), tuple(map(Path, needs)))


def recorded(job, text):
    """Writes what its last run left."""
    job.benchmark.parent.mkdir(parents=True, exist_ok=True)
    job.benchmark.write_text(text)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_recorded_times_are_added_up_and_those_of_running_jobs_count_down():
    first, second = ahead("a"), ahead("b", "a")
    recorded(first, f"{HEAD}9\t0:00:09\n20\t0:00:20\n")  # its last run counts
    recorded(second, f"{HEAD}30\t0:00:30\n")
    left = TimeLeft([first, second], places=2)  # the second waits for the first
    assert left.seconds(0) == (50, True)
    left.starts(Path("a"), 100.0)
    assert left.seconds(105) == (45, True)
    assert left.seconds(140) == (30, True)  # it takes longer than before, but not less than nothing


@pytest.mark.parametrize(("places", "seconds"), [(1, 40), (2, 20), (4, 10), (9, 10)])
def test_jobs_that_run_side_by_side_share_the_time(places, seconds):
    jobs = [ahead(name) for name in "abcd"]
    for job in jobs:
        recorded(job, f"{HEAD}10\t0\n")
    assert TimeLeft(jobs, places).seconds(0) == (seconds, True)


@pytest.mark.parametrize("text", ["", HEAD, f"{HEAD}x\t0\n", None], ids=["empty", "head", "half", "none"])
def test_a_job_without_a_time_takes_what_its_stage_does(text):
    known, unknown = ahead("a"), ahead("b")
    recorded(known, f"{HEAD}10\t0\n")
    if text is not None:
        recorded(unknown, text)
    assert TimeLeft([known, unknown], 1).seconds(0) == (20, True)
    assert TimeLeft([unknown], 1).seconds(0) == (10, True)  # what lies there of others counts


def test_a_first_run_begins_with_the_times_of_another_machine_and_goes_on_with_its_own():
    jobs = [ahead(name) for name in "ab"] + [ahead("c", stage="make_tables")]
    left = TimeLeft(jobs, 1, {"train_base": 30.0})
    assert left.seconds(0) == (60, False)  # of the tables nothing is known
    left.starts(Path("a"), 0)
    left.ends(Path("a"), 10)
    assert left.seconds(10) == (10, False)


def test_a_first_run_learns_from_its_own_jobs_by_stage():
    jobs = [ahead("a"), ahead("b"), ahead("c"), ahead("d", "b", stage="make_tables")]
    left = TimeLeft(jobs, 1)
    assert left.seconds(0) == (0, False)
    left.starts(Path("a"), 0)
    assert left.ends(Path("a"), 10) == 10
    assert left.seconds(10) == (20, False)  # of the tables nothing is known
    left.starts(Path("b"), 10)
    left.ends(Path("b"), 30)
    assert left.seconds(30) == (15, False)
    left.starts(Path("d"), 30)
    left.ends(Path("d"), 31)
    assert left.seconds(31) == (15, True)


@pytest.mark.parametrize("slower", [0.5, 1.0, 3.0])
def test_a_machine_of_another_speed_is_noticed(slower):
    """Nine of ten equal jobs are done; a tenth of doubt is left."""
    jobs = [ahead(str(number)) for number in range(10)]
    for job in jobs:
        recorded(job, f"{HEAD}10\t0\n")
    left = TimeLeft(jobs, 1)
    for number in range(9):
        left.starts(Path(str(number)), 0)
        left.ends(Path(str(number)), 10 * slower)
    seconds, known = left.seconds(0)
    assert known
    assert seconds == pytest.approx(10 * (0.9 * slower + 0.1), rel=1e-9)


def test_what_waits_for_a_failed_job_is_not_ahead_until_it_is_tried_again():
    jobs = [ahead("a"), ahead("b", "a"), ahead("c", "b"), ahead("d")]
    for job in jobs:
        recorded(job, f"{HEAD}10\t0\n")
    left = TimeLeft(jobs, 1)
    left.starts(Path("a"), 0)
    left.fails(Path("a"))
    assert left.seconds(5) == (10, True)
    left.starts(Path("a"), 5)
    assert left.seconds(5) == (40, True)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (99.4, "99 s"), (130, "2 min"), (5900, "98 min"), (9000, "2.5 h"), (200_000, "2.3 days")],
)
def test_a_time_is_said_in_its_unit(seconds, told):
    assert words(seconds) == told
    assert left_words(seconds, True) == f"about {told} left"
    assert left_words(seconds, False) == (f"more than {told} left" if seconds else "")


def test_each_line_of_a_long_run_costs_milliseconds():
    """It stands at the end of every job, in the process that starts the next one."""
    jobs = [ahead(f"{number}") for number in range(2000)]
    left = TimeLeft(jobs, 2)
    for job in jobs[:1000]:
        left.starts(job.record, 0)
        left.ends(job.record, 5)
    began = time.process_time()
    assert left.seconds(10) == (2500, True)
    assert time.process_time() - began < 0.5  # every job with every other would take seconds
