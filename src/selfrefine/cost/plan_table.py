"""The plan of an experiment: a line for each stage, as a table of numbers and in words."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine.cost import recorded_time
from selfrefine.cost.loads import Load, memory
from selfrefine.cost.planned_jobs import Planned
from selfrefine.cost.work import Asked

LEGEND = (
    "start, work: of all jobs one after another, processes that start and end, and networks; recorded: what as many",
    "jobs took in earlier runs here. disk: what stays; a job in training holds two checkpoints beside it, and a third",
    "while it writes one. Memory of one job: its process, and what networks add on the device (on a CPU in the same",
    "memory).",
)
SUMS = ["jobs", "flops", "start_seconds", "work_seconds", "disk_bytes"]
MOST = ["process_bytes", "network_bytes", "longest_seconds"]  # params/requests.py reads them


def lines(
    params: Mapping[str, Any],
    asked: Mapping[Planned, Asked],
    device: torch.device,
    dtype: torch.dtype,
    start: tuple[float, int],
    seconds: Callable[[Sequence[Load]], float],
    root: Path,
) -> pd.DataFrame:
    """The stages, in the order of the workflow: stage, SUMS of all its jobs, one after another, MOST of one of them,
    recorded_seconds of as many jobs in earlier runs, NaN without any.

    Args:
        params: the whole params with the experiment's overlay.
        asked: what each job asks.
        device, dtype: what networks compute on and in.
        start: seconds and bytes of the start-up of a job.
        seconds: how long the loads of one job take.
        root: the project's folder, with the benchmark files of earlier runs.
    """
    recorded = {
        line["stage"]: line["seconds"] / line["jobs"] for line in recorded_time.stages(root, params["experiment"])
    }
    work = {job: seconds(loads) for job, (loads, _, _) in asked.items()}
    jobs = [
        {"stage": job.stage, "jobs": 1, "start_seconds": start[0], "process_bytes": start[1] + held}
        | {"flops": sum(load.flops for load in loads), "work_seconds": work[job], "disk_bytes": disk}
        | {"longest_seconds": start[0] + work[job]}
        | {"network_bytes": memory(loads, device, dtype)}
        | {"recorded_seconds": recorded.get(job.stage, float("nan"))}
        for job, (loads, disk, held) in asked.items()
    ]
    return _together(pd.DataFrame(jobs), "stage")


def _together(table: pd.DataFrame, by: Any) -> pd.DataFrame:
    """The lines of a group as one; a sum with something unknown is unknown."""
    how: dict[str, Any] = dict.fromkeys(SUMS, "sum") | dict.fromkeys(MOST, "max")
    how["recorded_seconds"] = lambda column: column.sum(skipna=False)
    return table.groupby(by, sort=False).agg(how).rename_axis("stage").reset_index()


def text(table: pd.DataFrame) -> str:
    """The table of `lines`, aligned, with a line for all stages at its end; recorded seconds where there are any."""
    lines = pd.concat([table, _together(table, lambda _row: "all")], ignore_index=True)
    width = max(map(len, lines["stage"]))
    shown = pd.DataFrame({"stage": lines["stage"].str.ljust(width), "jobs": lines["jobs"]})
    shown["FLOPs"] = lines["flops"].map(scaled)
    shown["start"], shown["work"] = (lines[f"{name}_seconds"].map(duration) for name in ("start", "work"))
    shown["together"] = (lines["start_seconds"] + lines["work_seconds"]).map(duration)
    if table["recorded_seconds"].notna().any():
        shown["recorded"] = lines["recorded_seconds"].map(duration)
    for name, column in (("disk", "disk_bytes"), ("process", "process_bytes"), ("networks", "network_bytes")):
        shown[name] = lines[column].map(size)
    return shown.rename(columns={"stage": "stage".ljust(width)}).to_string(index=False)


def sharing(asked: Mapping[Planned, Asked]) -> str:
    """A line on what is trained once: base models, and the refinements that would else train them again."""
    refined = [job.names for job in asked if job.stage == "train_refined"]
    bases = [Planned("train_base", tuple(pair for pair in names if pair[0] != "variant")) for names in refined]
    again, once = (sum(load.flops for base in group for load in asked[base].loads) for group in (bases, set(bases)))
    models = f"{len(set(bases))} base model{'s' * (len(set(bases)) > 1)}"
    return f"Shared: {models} behind {len(bases)} refinements, which would else train {scaled(again - once)}FLOPs more."


def duration(seconds: float) -> str:
    """Seconds in the unit that people say: "7 s", "3.5 min", "12.0 h", "4.2 d"; "-" for none."""
    for unit, length, below in (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, 172800.0)):
        if seconds < below:
            return f"{seconds / length:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400.0:.1f} d" if seconds == seconds else "-"


def scaled(number: float, units: Sequence[str] = ("M", "G", "T", "P", "E"), step: int = 1000) -> str:
    """A number of millions or more with its prefix, as of FLOPs: "12.5 T", "3.25 E"; "-" for none."""
    power = 0
    while power < len(units) - 1 and number / step ** (2 + power) >= 999.5:
        power += 1
    return f"{number / step ** (2 + power):.3g} {units[power]}" if number else "-"


def size(n_bytes: float) -> str:
    """Bytes with a prefix: "3.8 MiB", "12 GiB"; "-" for none."""
    return scaled(n_bytes, ("MiB", "GiB", "TiB"), 1024)
