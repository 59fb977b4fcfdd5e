"""Work in a process of its own, with an end: a crash, a hang or a full memory in it stops nothing else.

Processes are forked from a server that has done the slow imports (`preloaded`) and has not touched the GPU.
"""

import contextlib
import io
import math
import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

from selfrefine.core import devices
from selfrefine.core.errors import one_line
from selfrefine.cost.clock import Line

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["selfrefine.cost.preloaded"])
TIME_WAS_UP = "time was up"
PATIENCE = 5  # seconds that a process has to end when its work is done, or, without a parent, when its time is up

Tell = Callable[[str, Line], None]  # takes a line of a section
Work = Callable[[Tell], None]  # picklable: a function of a module, or a partial of one


class Outcome(NamedTuple):
    """How the work ended: why it failed, "" if it did not, the traceback of that, seconds and exit code."""

    fault: str
    trace: str
    seconds: float
    code: int


def run(work: Work, limit: float, tell: Tell) -> Outcome:
    """Does the work and hands on each of its lines at once, also if it fails later.

    Args:
        work: what is done.
        limit: seconds after which it is ended.
        tell: takes the lines.
    """
    began = time.monotonic()
    reading, writing = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_live, args=(work, limit, devices.threads(), writing))
    process.start()
    writing.close()
    try:
        fault, trace = _received(reading, began + limit, tell)
        if fault != TIME_WAS_UP:
            process.join(PATIENCE)
    finally:
        process.kill()
        process.join()
        reading.close()
    code = process.exitcode or 0
    if fault is None:
        fault = f"its process ended by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"
    return Outcome(fault, trace, time.monotonic() - began, code)


def _received(reading: Connection, end: float, tell: Tell) -> tuple[str | None, str]:
    """Fault and traceback of the work, once it has ended; no fault known of a process that was killed."""
    while True:
        left = end - time.monotonic()
        if left <= 0 or not reading.poll(left):
            return TIME_WAS_UP, ""
        try:
            section, told = reading.recv()
        except EOFError:
            return None, ""
        if section is None:
            fault, trace = told
            return fault, trace
        tell(section, told)


def _live(work: Work, limit: float, threads: int, writing: Connection) -> None:
    """The process: what it prints goes nowhere, and it ends soon after its limit even where its parent has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's reaches the parent, too, which ends this process
    signal.alarm(math.ceil(limit) + PATIENCE)
    devices.set_threads(threads)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            work(lambda section, line: writing.send((section, line)))
    except Exception as error:  # whatever it is, it is told where the parts are listed
        writing.send((None, (one_line(error), traceback.format_exc())))
    else:
        writing.send((None, ("", "")))
