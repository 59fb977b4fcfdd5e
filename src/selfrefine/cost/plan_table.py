"""The plan of an experiment: a line for each stage, as a table of numbers and in words."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine.cost import recorded_time, storage
from selfrefine.cost.loads import Load
from selfrefine.cost.machine_rates import Start
from selfrefine.cost.planned_jobs import Planned

Asked = Mapping[Planned, Sequence[Load]]  # what each job asks of networks
LEGEND = (
    "start, work: of all jobs one after another, processes that start and end, and networks; recorded: what as many",
    "jobs took in earlier runs here. disk: what stays; a job in training holds its checkpoint beside it. Memory of one",
    "job: its process, and what networks add on the device (on a CPU in the same memory).",
)


def lines(
    params: Mapping[str, Any],
    asked: Asked,
    dtype: torch.dtype,
    starts: Mapping[bool, Start],
    seconds: Callable[[Sequence[Load]], float],
    root: Path,
) -> pd.DataFrame:
    """The stages, in the order of the workflow.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        asked: what each job asks of networks.
        dtype: what networks compute in.
        starts: the start-up of a job that trains or does not.
        seconds: how long the loads of one job take.
        root: the project's folder, with the benchmark files of an earlier run, if any.

    Returns:
        stage, jobs, flops; start_seconds, work_seconds, and recorded_seconds of as many jobs in earlier runs (NaN
        without), of all jobs one after another; disk_bytes of all; process_bytes before a job works, and
        network_bytes that the largest job adds on the device.
    """
    recorded = {line["stage"]: line["seconds"] / line["jobs"] for line in recorded_time.stages(root, params["experiment"])}
    found = []
    for job, given in asked.items():
        start = starts[any(load.kind == "train" for load in given)]
        found.append(
            {
                "stage": job.stage,
                "jobs": 1,
                "flops": sum(load.flops for load in given),
                "start_seconds": start.seconds,
                "work_seconds": seconds(given),
                "recorded_seconds": recorded.get(job.stage, float("nan")),
                "disk_bytes": storage.disk(params, job),
                "process_bytes": start.held,
                "network_bytes": storage.memory(given, dtype),
            }
        )
    return _together(pd.DataFrame(found), "stage").reset_index()


def _together(table: pd.DataFrame, by: Any) -> pd.DataFrame:
    """The lines of a group as one: the sums, and of memory the most. A sum with something unknown is unknown."""
    groups = table.groupby(by, sort=False)
    whole = groups[["recorded_seconds"]].agg(lambda column: column.sum(skipna=False))
    most = groups[["process_bytes", "network_bytes"]].max()
    return pd.concat([groups[["jobs", "flops", "start_seconds", "work_seconds"]].sum(), whole,
                      groups[["disk_bytes"]].sum(), most], axis=1)  # fmt: skip


def text(table: pd.DataFrame) -> str:
    """The table as aligned columns, one line for each stage and one for all; recorded seconds where there are any.

    Args:
        table: from `lines`.
    """
    total = _together(table, lambda _row: "all").rename_axis("stage").reset_index()
    shown = pd.concat([table, total], ignore_index=True)
    columns = {
        "stage": shown["stage"],
        "jobs": shown["jobs"].map(str),
        "FLOPs": shown["flops"].map(scaled),
        "start": shown["start_seconds"].map(duration),
        "work": shown["work_seconds"].map(duration),
        "together": (shown["start_seconds"] + shown["work_seconds"]).map(duration),
        "recorded": shown["recorded_seconds"].map(duration),
        "disk": shown["disk_bytes"].map(size),
        "process": shown["process_bytes"].map(size),
        "networks": shown["network_bytes"].map(size),
    }
    if table["recorded_seconds"].isna().all():
        del columns["recorded"]
    aligned = []
    for name, cells in columns.items():
        width = max(len(name), *map(len, cells))
        aligned.append([cell.ljust(width) if name == "stage" else cell.rjust(width) for cell in (name, *cells)])
    head, *stages, last = ("  ".join(cells) for cells in zip(*aligned, strict=True))
    return "\n".join([head, *stages, "-" * len(head), last])


def sharing(asked: Asked) -> str:
    """A line on what is trained once: base models, the refinements that begin with them, and the FLOPs that these would
    train again without sharing.
    """
    refined = [job.names for job in asked if job.stage == "train_refined"]
    bases = [Planned("train_base", tuple(pair for pair in names if pair[0] != "variant")) for names in refined]
    again, once = (sum(load.flops for base in group for load in asked[base]) for group in (bases, set(bases)))
    return (
        f"Shared: {len(set(bases))} base model{'s' if len(set(bases)) > 1 else ''} behind {len(refined)} refinements, "
        f"which would else train {scaled(again - once)}FLOPs more; fakes, highlighters and features of photographs are "
        "made once for all."
    )


def duration(seconds: float) -> str:
    """Seconds in the unit that people say: "7 s", "3.5 min", "12.0 h", "4.2 d"; "-" for none."""
    for unit, length, below in (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, 172800.0)):
        if seconds < below:
            return f"{seconds / length:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400.0:.1f} d" if seconds == seconds else "-"


def scaled(flops: float) -> str:
    """FLOPs with a prefix: "12.5 T", "3.25 E"; "-" for none."""
    for prefix, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if flops >= factor:
            return f"{flops / factor:.3g} {prefix}"
    return f"{flops / 1e6:.3g} M" if flops else "-"


def size(n_bytes: float) -> str:
    """Bytes with a prefix: "3.8 MiB", "12 GiB"; "-" for none."""
    for prefix, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= factor:
            short = n_bytes / factor
            return f"{short:.{3 if short < 999.5 else 4}g} {prefix}"
    return f"{n_bytes:.0f} B" if n_bytes else "-"
