"""The plan of an experiment: one line for each stage, and what its jobs share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from selfrefine.cost import recorded_time, storage, work
from selfrefine.cost.loads import Load
from selfrefine.cost.machine_rates import Start
from selfrefine.cost.planned_jobs import Planned

Params = Mapping[str, Any]
# Seconds that the loads of one job take: at a given rate, or at measured ones.
Seconds = Callable[[Sequence[Load]], float]


@dataclass(frozen=True)
class Line:
    """A stage.

    Args:
        stage: its name.
        jobs: how many.
        flops: of all.
        start_seconds: of all, one after another, to start and to end.
        work_seconds: of all, in networks.
        recorded_seconds: what as many jobs took in earlier runs on this machine; None without any.
        disk_bytes: what all leave.
        process_bytes: what a job's process holds before it works.
        network_bytes: what the networks of the largest job add, on the device.
    """

    stage: str
    jobs: int
    flops: float
    start_seconds: float
    work_seconds: float
    recorded_seconds: float | None
    disk_bytes: int
    process_bytes: int
    network_bytes: int

    @property
    def seconds(self) -> float:
        """Of all jobs, one after another."""
        return self.start_seconds + self.work_seconds


def loads(params: Params, planned: Sequence[Planned]) -> dict[Planned, list[Load]]:
    """What each job asks of networks."""
    return {job: work.of_job(params, job) for job in planned}


def lines(
    params: Params,
    asked: Mapping[Planned, Sequence[Load]],
    dtype: torch.dtype,
    starts: Mapping[str, Start],
    seconds: Seconds,
    root: Path,
) -> list[Line]:
    """The stages, in the order of the workflow.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        asked: what each job asks of networks.
        dtype: what networks compute in.
        starts: the start-up of a job of each stage.
        seconds: how long the loads of a job take.
        root: the project's folder, with the benchmark files of an earlier run, if any.
    """
    recorded = {line["stage"]: line for line in recorded_time.stages(root, params["experiment"])}
    found = []
    for stage in dict.fromkeys(job.stage for job in asked):
        own = {job: given for job, given in asked.items() if job.stage == stage}
        line = recorded.get(stage)
        found.append(
            Line(
                stage=stage,
                jobs=len(own),
                flops=sum(load.flops for given in own.values() for load in given),
                start_seconds=starts[stage].seconds * len(own),
                work_seconds=sum(seconds(given) for given in own.values()),
                recorded_seconds=line["seconds"] / line["jobs"] * len(own) if line else None,
                disk_bytes=sum(storage.disk(params, job) for job in own),
                process_bytes=starts[stage].held,
                network_bytes=max(storage.memory(given, dtype) for given in own.values()),
            )
        )
    return found


def shared(params: Params, asked: Mapping[Planned, Sequence[Load]]) -> tuple[int, int, float]:
    """Base models, the refinements that fork from them, and the FLOPs that these would train again without sharing."""
    forks = [dict(job.names) for job in asked if job.stage == "train_refined"]
    bases = [Planned("train_base", _base(names)) for names in forks]
    again = sum(load.flops for base in bases for load in asked[base])
    once = sum(load.flops for base in set(bases) for load in asked[base])
    return len(set(bases)), len(forks), again - once


def _base(names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in names.items() if name != "variant")
