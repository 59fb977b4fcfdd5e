"""Cases take turns, so that a machine that slows down changes no ratio."""

import time

import pytest
import torch

from selfrefine.cost import clock as cost_clock
from tests.support.tiny_subject import WorkClock


def test_the_order_turns_round_and_the_first_call_is_not_timed():
    clock, called = WorkClock(), []

    def action(name, seconds):
        clock.work(seconds if called.count(name) else 100.0)  # slow when cold
        called.append(name)

    cases = {"a": (lambda: action("a", 3.0), 1), "b": (lambda: action("b", 1.0), 2)}
    seconds = cost_clock.interleaved("label", cases, 3, clock, lambda line: None)
    assert "".join(called) == "ab" + "abb" + "bba" + "abb"
    assert seconds == {"a": [3.0] * 3, "b": [1.0] * 3}


def test_ratios_survive_a_machine_that_slows_down():
    clock = WorkClock()

    def slow_down(line):
        clock.slowness *= 1.5

    cases = {"slow": (lambda: clock.work(6.0), 1), "fast": (lambda: clock.work(2.0), 1)}
    seconds = cost_clock.interleaved("label", cases, 4, clock, slow_down)
    assert seconds["slow"] == pytest.approx([6.0, 9.0, 13.5, 20.25])
    (_, fast) = cost_clock.rate_lines(seconds, images=1)
    assert [fast[name] for name in ("ratio", "ratio_low", "ratio_high")] == pytest.approx([3.0] * 3)


def test_progress_tells_what_is_left():
    clock, told = WorkClock(), []
    cost_clock.interleaved("sampling", {"a": (lambda: clock.work(5.0), 1)}, 3, clock, told.append)
    assert told == [f"sampling: round {k}/3, {left} s left" for k, left in ((1, 10), (2, 5), (3, 0))]


def test_rates_and_ratios_are_medians_with_the_ends_of_the_rounds():
    seconds = {"theirs": [2.0, 4.0, 8.0], "ours": [1.0, 1.0, 4.0]}
    theirs, ours = cost_clock.rate_lines(seconds, images=8)
    assert theirs == {"case": "theirs"} | cost_clock.spread("images_per_second", [4.0, 2.0, 1.0]) | cost_clock.spread(
        "ratio", [1.0]
    )
    assert [ours[name] for name in ("images_per_second", "images_per_second_low", "images_per_second_high")] == [
        8,
        2,
        8,
    ]
    assert [ours[name] for name in ("ratio", "ratio_low", "ratio_high")] == [2.0, 2.0, 4.0]


def test_rounds_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="zip"):
        cost_clock.rate_lines({"one": [1.0, 2.0], "other": [1.0]}, images=1)


def test_the_clock_of_a_cpu_is_the_finest_one():
    assert cost_clock.clock_of(torch.device("cpu")) is time.perf_counter


def test_precisions_have_names():
    assert [cost_clock.name_of(dtype) for dtype in (torch.float32, torch.bfloat16)] == ["float32", "bfloat16"]


def test_work_of_one_thread_is_no_slower_beside_others():
    """Seconds in which it waits, as it does while others have the processor, do not count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        clock = cost_clock.work_clock_of(torch.device("cpu"))
        start = clock()
        time.sleep(0.3)
        assert clock() - start < 0.1
    finally:
        torch.set_num_threads(threads)
