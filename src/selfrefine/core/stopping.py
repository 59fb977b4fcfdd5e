"""A training that is asked to end keeps its last update first, and says where the same command goes on.

Who asks: SIGTERM, which Slurm sends before it kills, and which a job sends itself when its run is gone; and Ctrl-C.
Only a stage's trainings listen (`allowed`), and only while they train: all else ends at once, and the signals of a
program that uses the library are its own.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE = 8.0  # seconds that an update may still take
_ENDED = 0  # no signal's number: the training ends, and who waits for signals may go


class AskedError(Exception):
    """The training is to end here."""


class Stop:
    """What a training asks between its updates, and wherever else its state is that of its last update."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None  # the first one that came
        self.heard = threading.Event()

    def check(self) -> None:
        """Raises AskedError, which `listening` catches, if the training is to end."""
        if self.signal is not None:
            self.heard.set()
            raise AskedError


_listens = False


@contextlib.contextmanager
def allowed() -> Iterator[None]:
    """Trainings inside the block listen: for the main thread of a stage."""
    global _listens
    _listens = True
    try:
        yield
    finally:
        _listens = False


@contextlib.contextmanager
def listening(label: str, keep: Callable[[], int]) -> Iterator[Stop]:
    """Runs a training that asks `Stop.check`; ends the process with one line if it was asked to end.

    Args:
        label: of the job.
        keep: keeps the training's state, and returns its number of updates.
    """
    stop = Stop()
    with _handlers(stop, label) if _listens else contextlib.nullcontext():
        try:
            yield stop
        except AskedError:
            assert stop.signal is not None
            step = keep()
            sys.exit(f"{label}: stopped by {stop.signal.name} after step {step}; the same command goes on from there")
    if stop.signal is not None:  # it came after the last check
        os.kill(os.getpid(), stop.signal)


@contextlib.contextmanager
def _handlers(stop: Stop, label: str) -> Iterator[None]:
    """Signals set `stop.signal` inside the block; a second Ctrl-C acts as it did before.

    Python runs a handler between two of its own instructions, and one call of torch may take minutes: a thread, woken
    by the system's part of the handler, ends the process that does not get to its next check.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: old for number, old in handlers.items() if old not in (None, signal.SIG_IGN)}

    def ask(number: int, _frame: FrameType | None) -> None:
        stop.signal = stop.signal or signal.Signals(number)
        if signal.SIGINT in before:
            signal.signal(signal.SIGINT, before[signal.SIGINT])

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    watch = threading.Thread(target=_end_the_stuck, args=(reader, stop, label), daemon=True)
    watch.start()
    woken = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in before:  # the others are ignored, as Ctrl-C is in the background of a shell
        signal.signal(number, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(woken)
        stop.heard.set()
        os.write(writer, bytes([_ENDED]))
        watch.join()
        os.close(reader)
        os.close(writer)


def _end_the_stuck(reader: int, stop: Stop, label: str) -> None:
    """Ends the process when a signal comes and no check follows in time; its last checkpoint is there."""
    while (number := os.read(reader, 1)[0]) != _ENDED:
        if number in SIGNALS and not stop.heard.wait(PATIENCE):
            name = signal.Signals(number).name
            line = f"{label}: stopped by {name} within a step of over {PATIENCE:g} s; the last checkpoint is kept\n"
            with contextlib.suppress(OSError):
                os.write(2, line.encode())
            os._exit(128 + number)
