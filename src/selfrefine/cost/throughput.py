"""Images per second of a whole machine without a GPU: one training on all processors, or one on each, side by side.

And the same beside a program that keeps every processor busy: threads that wait for one another lose most of theirs.
"""

import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import Any

import torch

from selfrefine.core import devices
from selfrefine.core.errors import InputError
from selfrefine.cost import bench_subject
from selfrefine.cost.clock import Line, rate_lines

PATIENCE = 300  # seconds for processes to start


@dataclass(frozen=True)
class Case:
    """As many trainings at once, in threads each, perhaps beside one busy program for each processor."""

    jobs: int
    threads: int
    busy: bool = False

    def __str__(self) -> str:
        jobs = f"{self.jobs} job{'s' * (self.jobs > 1)} of {self.threads} thread{'s' * (self.threads > 1)}"
        return f"{jobs}, beside other work" if self.busy else jobs


def cases(processors: int) -> list[Case]:
    """One training on all processors first; then one, two, four ... side by side; both ways beside other work."""
    powers = [2**power for power in range(processors.bit_length()) if 2**power <= processors]
    ways = [Case(1, processors), Case(processors, 1)]
    alone = [Case(jobs, 1) for jobs in powers] + ways[1:]
    return list(dict.fromkeys([ways[0], *alone, *(Case(way.jobs, way.threads, busy=True) for way in ways)]))


def lines(
    params: Mapping[str, Any], processors: int, seconds: float, rounds: int, message: Callable[[str], None]
) -> list[Line]:
    """Images per second of each case, all its trainings together, and how many times as fast as the first case it is.

    Args:
        params: the whole params; their model ddpm is trained on the CPU.
        processors: of this machine.
        seconds: that each measurement trains for.
        rounds: of all cases.
        message: takes a line after each round.
    """
    measured: dict[Case, list[float]] = {case: [] for case in cases(processors)}
    for number in range(rounds):
        for case in list(measured)[:: 1 if number % 2 == 0 else -1]:
            measured[case].append(1 / rate(params, case, seconds, processors))
        message(f"side by side: round {number + 1}/{rounds}")
    return rate_lines({str(case): values for case, values in measured.items()}, 1)


def rate(params: Mapping[str, Any], case: Case, seconds: float, processors: int) -> float:
    """Images per second of all trainings of a case together, in processes of their own that start at one moment.

    Raises:
        InputError: one of them ended without a figure.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(case.jobs + 1)
    pipes = [context.Pipe(duplex=False) for _ in range(case.jobs)]
    trainings = [
        context.Process(target=_train, args=(params, case.threads, seconds, barrier, sending), daemon=True)
        for _, sending in pipes
    ]
    others = [context.Process(target=_spin, daemon=True) for _ in range(processors if case.busy else 0)]
    for process in (*others, *trainings):
        process.start()
    for _, sending in pipes:
        sending.close()  # then a training that ends without a word is told at once
    try:
        barrier.wait(PATIENCE)
        return float(sum(receiving.recv() for receiving, _ in pipes))
    except (BrokenBarrierError, EOFError):
        raise InputError(f"a training of {case} ended before it was measured; is there too little memory?") from None
    finally:
        for process in (*others, *trainings):
            process.kill()
            process.join()


def _train(params: Mapping[str, Any], threads: int, seconds: float, barrier: Barrier, sending: Connection) -> None:
    """A training in a process of its own: sends its images per second."""
    devices.set_threads(threads)
    try:
        subject = bench_subject.of_params(params, torch.device("cpu"))
        batch = subject.settings.batch_size
        trainer, images = subject.trainer(batch, subject.dtype), 0
    except BaseException:
        barrier.abort()  # nobody waits for this one
        raise
    with devices.training_attention(subject.device):
        trainer.update()  # the first one makes what all others use
        barrier.wait(PATIENCE)
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            trainer.update()
            images += batch
    sending.send(images / (time.monotonic() - began))


def _spin() -> None:
    while True:
        pass
