"""A lock is held by one process, which is named, and is free again however that process ends."""

import os
import signal
import subprocess
import sys

import pytest

from selfrefine.core import locks

HOLD = """
import sys, pathlib, time
from selfrefine.core import locks
with locks.hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_lock_can_be_held_again_after_its_block(tmp_path):
    for _ in range(2):
        with locks.hold(tmp_path / "new" / "lock"):
            pass


def test_what_happens_inside_the_block_is_the_callers(tmp_path):
    with pytest.raises(ZeroDivisionError), locks.hold(tmp_path / "lock"):
        raise ZeroDivisionError
    with locks.hold(tmp_path / "lock"):
        pass


def test_a_held_lock_names_its_process_also_to_the_second_who_asks(tmp_path, other):
    for _ in range(2):
        with pytest.raises(locks.HeldError, match=rf"process {other.pid} on "), locks.hold(tmp_path / "lock"):
            pytest.fail("held twice")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_lock_ends_with_its_process(tmp_path, other, how):
    os.kill(other.pid, how)
    other.wait()
    with locks.hold(tmp_path / "lock"):
        assert f"process {os.getpid()} " in (tmp_path / "lock.holder").read_text()


def test_where_no_file_can_be_made_the_caller_is_told_by_the_systems_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|directory"), locks.hold(tmp_path / "file" / "lock"):
        pytest.fail("held")
