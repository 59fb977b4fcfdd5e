import os
import pty
from contextlib import suppress

import pytest

from selfrefine.core import progress
from selfrefine.core.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when the test says so."""
    times = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: times[0])

    def wait(seconds):
        times[0] += seconds

    return wait


def test_a_line_tells_job_step_loss_rate_and_time_left(capsys, clock):
    with Progress("train_base shapes ddpm seed0", 100, items=8) as told:
        clock(20.0)
        told.update(25, loss=0.12345678)
        assert capsys.readouterr().out == (
            "train_base shapes ddpm seed0: step 25/100, loss 0.1235, 10.0 images/s, 0:01:00 left\n"
        )


def test_a_loop_of_many_short_steps_prints_about_every_ten_seconds_and_at_the_end(capsys, clock):
    with Progress("job", 1000, unit="image") as told:
        for done in range(1, 1001):
            clock(0.1)
            told.update(done)
    lines = capsys.readouterr().out.splitlines()
    assert 9 <= len(lines) <= 11
    assert lines[-1].startswith("job: image 1000/1000")


def test_a_short_loop_prints_one_line(capsys, clock):
    with Progress("job", 3) as told:
        for done in (1, 2, 3):
            clock(0.1)
            told.update(done)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_units_done_before_a_kill_do_not_count_for_the_rate(capsys, clock):
    with Progress("job", 100, start=90) as told:
        clock(10.0)
        told.update(95)
    assert "step 95/100, 0.5 images/s, 0:00:10 left" in capsys.readouterr().out


def test_hours_are_shown_as_hours(capsys, clock):
    with Progress("job", 1000) as told:
        clock(20.0)
        told.update(2)
        assert capsys.readouterr().out.endswith("2:46:20 left\n")


def test_a_loop_that_fails_claims_no_end(capsys, clock):
    with suppress(InterruptedError), Progress("job", 10) as told:
        told.update(1)
        raise InterruptedError
    assert capsys.readouterr().out == ""


def test_a_job_with_nothing_left_to_do_prints_nothing(capsys, clock):
    with Progress("job", 10, start=10):
        pass
    assert capsys.readouterr().out == ""


def test_a_terminal_gets_a_bar_and_no_lines(capsys, monkeypatch):
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb"), os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        with Progress("job", 10) as told:
            told.update(4, loss=0.5)
            told.update(10, loss=0.25)
            assert told.bar is not None
            assert told.bar.n == 10
    monkeypatch.undo()
    shown = capsys.readouterr().err
    assert "job" in shown
    assert "10/10" in shown


def test_what_is_counted_can_have_another_name(capsys, clock):
    with Progress("job", 4, unit="caption", counted="captions") as told:
        clock(2.0)
        told.update(4)
    assert capsys.readouterr().out == "job: caption 4/4, 2.0 captions/s, 0:00:00 left\n"
