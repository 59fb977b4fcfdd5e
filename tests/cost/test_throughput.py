"""Trainings side by side, on a real tiny model in real processes."""

import multiprocessing
import time

import pytest

from selfrefine.commands import bench
from selfrefine.core.errors import InputError
from selfrefine.cost import throughput
from selfrefine.cost.throughput import Case
from selfrefine.params import job_config
from tests.support.tiny_subject import ROOT, TINY_PARAMS

PARAMS = job_config.merge(bench.read_params(ROOT), TINY_PARAMS)


@pytest.mark.parametrize(
    ("processors", "alone"),
    [
        (1, [(1, 1)]),
        (2, [(1, 2), (1, 1), (2, 1)]),
        (6, [(1, 6), (1, 1), (2, 1), (4, 1), (6, 1)]),
        (8, [(1, 8), (1, 1), (2, 1), (4, 1), (8, 1)]),
    ],
)
def test_cases_of_a_machine(processors, alone):
    found = throughput.cases(processors)
    assert [(case.jobs, case.threads) for case in found if not case.busy] == alone
    busy = [(case.jobs, case.threads) for case in found if case.busy]
    assert busy == list(dict.fromkeys([(1, processors), (processors, 1)]))


def test_all_trainings_of_a_case_count_and_none_is_left():
    assert throughput.rate(PARAMS, Case(2, 1, busy=True), 0.3, 1) > 0
    until = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.05)
    assert not multiprocessing.active_children()


def test_a_training_that_ends_without_a_figure_is_one_line_and_leaves_nothing():
    broken = job_config.merge(PARAMS, {"models": {"ddpm": {"train_base": {"family": "none_of_ours"}}}})
    with pytest.raises(InputError, match="a training of 2 jobs of 1 thread ended before it was measured"):
        throughput.rate(broken, Case(2, 1), 0.2, 1)
    assert not multiprocessing.active_children()


def test_lines_say_images_per_second_and_times_the_first(capsys):
    told = []
    lines = throughput.lines(PARAMS, 1, 0.2, 1, told.append)
    assert [line["case"] for line in lines] == ["1 job of 1 thread", "1 job of 1 thread, beside other work"]
    assert lines[0]["ratio"] == 1.0
    for line in lines:
        assert line["images_per_second_low"] <= line["images_per_second"] <= line["images_per_second_high"]
    assert told == ["side by side: round 1/1"]
