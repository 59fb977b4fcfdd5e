"""Who asks a training to end, and that signals are as they were around it."""

import os
import signal
import threading
from pathlib import Path

import pytest

from selfrefine.core import stopping


def handlers():
    return {number: signal.getsignal(number) for number in stopping.SIGNALS}


def wakeup():
    """The descriptor that the system writes signals to; -1 for none."""
    woken = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(woken)
    return woken


def descriptors():
    """How many the process has open."""
    return len(list(Path("/dev/fd").iterdir()))


def never():
    raise AssertionError("nobody asked")


def test_outside_of_a_stage_signals_are_not_touched():
    before = handlers()
    with stopping.listening("test", never) as stop:
        assert (handlers(), wakeup()) == (before, -1)
        stop.check()


@pytest.mark.parametrize("ending", [None, ValueError])
def test_however_a_training_ends_signals_and_threads_are_as_they_were(ending):
    before, threads, opened = handlers(), threading.active_count(), descriptors()
    try:
        with stopping.allowed(), stopping.listening("test", never):
            assert all(now is not before[number] for number, now in handlers().items())
            if ending:
                raise ending
    except ValueError:
        assert ending
    assert (handlers(), wakeup(), threading.active_count()) == (before, -1, threads)
    assert descriptors() == opened
    with stopping.listening("test", never):
        assert handlers() == before


@pytest.mark.parametrize("number", stopping.SIGNALS)
def test_a_training_that_is_asked_ends_at_its_next_check_with_one_line(number):
    order = []

    def train():
        with stopping.allowed(), stopping.listening("train some", lambda: order.append("kept") or 7) as stop:
            stop.check()
            os.kill(os.getpid(), number)
            order.append("the update ends")
            stop.check()

    with pytest.raises(SystemExit) as ended:
        train()
    assert order == ["the update ends", "kept"]
    name = signal.Signals(number).name
    assert ended.value.code == f"train some: stopped by {name} after step 7; the same command goes on from there"


def test_a_signal_after_the_last_check_acts_as_without_a_training():
    with pytest.raises(KeyboardInterrupt), stopping.allowed(), stopping.listening("test", never):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_ctrl_c_ends_at_once():
    order = []

    def train():
        with stopping.allowed(), stopping.listening("test", never):
            for number in range(3):
                order.append(number)
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train()
    assert order == [0, 1]


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background
    try:
        with stopping.allowed(), stopping.listening("test", never) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            stop.check()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_step_has_less_than_ten_seconds():
    """Of which some go to the rest."""
    assert stopping.PATIENCE <= 8
