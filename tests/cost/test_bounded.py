"""Work in a process of its own: however it ends, its lines are there, its fault is told, and nothing else stops."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from selfrefine.cost import bounded
from tests.support import faulty_parts
from tests.support.faulty_parts import FAULTS, LINE

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 60.0
SLOW = (faulty_parts.hangs, faulty_parts.tells_for_ever)


def outcome(work, limit=LIMIT):
    """How it ended, and the lines that it told."""
    told = []
    return bounded.run(work, limit, lambda section, line: told.append((section, line))), told


@pytest.mark.parametrize("work", FAULTS, ids=lambda work: work.__name__)
def test_a_fault_is_one_line_and_what_was_told_before_is_kept(work):
    outcome(faulty_parts.well)  # the server of processes has started
    ended, told = outcome(work, 1.0 if work in SLOW else LIMIT)
    assert FAULTS[work] in ended.fault
    assert len(ended.fault.splitlines()) == 1
    assert told[0] == ("chain", LINE)
    assert work in SLOW or len(told) == 1
    assert ended.seconds < (3.0 if work in SLOW else LIMIT)


def test_the_traceback_of_an_error_says_where_it_was():
    ended, _ = outcome(faulty_parts.breaks)
    assert "torch.ones(2) @ torch.ones(3)" in ended.trace


def test_what_ends_well_has_no_fault():
    ended, told = outcome(faulty_parts.well)
    assert ended[:2] == ("", "")
    assert (ended.code, told) == (0, [("chain", LINE)])


def test_what_the_work_prints_goes_nowhere(capfd):
    assert outcome(faulty_parts.prints)[0].fault == ""
    assert capfd.readouterr().out == ""


ALONE = """
import json
from selfrefine.core import devices
from selfrefine.cost import bounded
from tests.support import faulty_parts
devices.set_threads(3)
bounded.run(faulty_parts.surroundings, 60.0, lambda _, line: print(json.dumps(line)))
"""


def test_it_has_the_threads_and_the_folder_of_its_parent_and_a_gpu_that_nobody_touched(tmp_path):
    """In a program of its own: that of the tests has one server of processes, which others may have started."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    told = subprocess.check_output([sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, text=True)
    assert json.loads(told) == {"threads": 3, "folder": str(tmp_path), "bad_fork": False}, "CUDA works in no bad fork"


def test_an_alarm_ends_it_where_nobody_else_does():
    """A parent that was killed ends nothing."""
    _, ((_, line),) = outcome(faulty_parts.seconds_to_the_alarm, 10.0)
    assert 10 < line["seconds"] <= 10 + bounded.PATIENCE
