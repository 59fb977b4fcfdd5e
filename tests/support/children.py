"""Real stages in child processes that are killed, stopped or starved at a chosen point.

Children are forked from a server that has done the slow imports and nothing else, so that no thread of this process is
in them.
"""

import dataclasses
import importlib
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from selfrefine.core import config_json, scratch
from selfrefine.core import job as core_job
from selfrefine.core.job import Job

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["pytest"] + [f"selfrefine.stages.{name}" for name in ("train_base", "train_refined", "generate_samples")]
)
PATIENCE = 120.0  # seconds

Fault = Callable[[], object]


# -- faults: called in the child before its job ------------------------------------------------------------------------


def die() -> None:
    """Kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


def before_rename(number: int, act: Fault = die) -> None:
    """Acts just before the atomic write with this number, from 1, takes its name."""
    _act_at(number, act, lambda count: sys.addaudithook(lambda event, _: count() if event == "os.rename" else None))


def in_update(number: int, act: Fault = die) -> None:
    """Acts in the middle of the update with this number, from 1: after the weights, before their EMA."""
    _act_at(number, act, lambda count: register_optimizer_step_post_hook(lambda *_: count()))


def before_scratch_is_removed() -> None:
    """Kills when all outputs are written."""
    sys.addaudithook(lambda event, told: die() if event == "shutil.rmtree" and ".scratch" in str(told[0]) else None)


def _act_at(number: int, act: Fault, watch: Callable[[Fault], object]) -> None:
    """Hands `watch` a counter to call on every event; it acts on the event with this number."""
    seen = itertools.count(1)
    watch(lambda: act() if next(seen) == number else None)


@dataclasses.dataclass(frozen=True)
class Pause:
    """Tells that it is reached and waits until it is released."""

    reached: Event = dataclasses.field(default_factory=FORKS.Event)
    released: Event = dataclasses.field(default_factory=FORKS.Event)

    def __call__(self) -> None:
        self.reached.set()
        self.released.wait(PATIENCE)


# -- children ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code (minus the signal that killed it) and what it printed."""

    code: int
    out: str
    err: str


class Child:
    """A job in a process of its own.

    Args:
        job: what it runs.
        log: a folder for what it prints.
        fault: what is done to it first.
        command: through the command line of the stage, or straight through `run(job)`.
    """

    def __init__(self, job: Job[Any, Any, Any], log: Path, fault: Fault | None = None, *, command: bool) -> None:
        self.log = log
        log.mkdir(parents=True, exist_ok=True)
        work = arguments(job) if command else job
        self.process = FORKS.Process(target=_live, args=(job.name, work, log, fault))
        self.process.start()

    def wait(self) -> Ended:
        """Waits for its end."""
        self.process.join(PATIENCE)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        assert self.process.exitcode is not None
        return Ended(self.process.exitcode, (self.log / "stdout").read_text(), (self.log / "stderr").read_text())


def run_job(job: Job[Any, Any, Any], log: Path, fault: Fault | None = None) -> Ended:
    """Runs `run(job)` of the job's stage in a child."""
    return Child(job, log, fault, command=False).wait()


def run_command(job: Job[Any, Any, Any], log: Path, fault: Fault | None = None) -> Ended:
    """Runs the job's stage by its command line in a child; the record is config.json beside the first output."""
    return Child(job, log, fault, command=True).wait()


def _live(name: str, work: Job[Any, Any, Any] | list[str], log: Path, fault: Fault | None) -> None:
    for descriptor, stream in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(log / stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # stages take all the processors they are given
    torch.set_num_threads(1)
    stage = importlib.import_module(f"selfrefine.stages.{name}")
    if fault is not None:
        fault()
    if isinstance(work, Job):
        with scratch.lock(next(iter(vars(work.outputs).values()))):
            stage.run(work)
        return
    sys.argv = [str(stage.__file__), *work]
    core_job.main(stage.run, stage.Config, stage.Inputs, stage.Outputs)


def arguments(job: Job[Any, Any, Any]) -> list[str]:
    """The command line of a job."""
    record = next(iter(vars(job.outputs).values())).with_name("config.json")
    line = ["--config", config_json.to_json(job.config), "--code", job.code, "--record", str(record)]
    for name, value in (vars(job.inputs) | vars(job.outputs)).items():
        line += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
    return line
