"""A plan in words: aligned columns for a terminal, plain numbers for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from selfrefine.cost.estimate import Line

HEAD = ("stage", "jobs", "FLOPs", "start", "work", "together", "recorded", "disk", "process", "networks")
LEGEND = (
    "start, work: of all jobs one after another, processes that start and end, and networks; recorded: what as many",
    "jobs took in earlier runs here. disk: what stays; a job in training holds its checkpoint beside it. Memory of one",
    "job: its process, and what networks add on the device (on a CPU in the same memory).",
)


def text(lines: Sequence[Line], recorded: bool) -> str:
    """The table, one line for each stage and one for all.

    Args:
        lines: of the stages.
        recorded: whether there are records to show.
    """
    rows = [HEAD, *(_cells(line.stage, line) for line in [*lines, total(lines)])]
    kept = [column for column, name in enumerate(HEAD) if recorded or name != "recorded"]
    widths = [max(len(row[column]) for row in rows) for column in kept]
    told = []
    for row in rows:
        cells = [row[column] for column in kept]
        first, *others = zip(cells, widths, strict=True)
        told.append("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]))
    return "\n".join([told[0], *told[1:-1], "-" * len(told[0]), told[-1]])


def total(lines: Sequence[Line]) -> Line:
    """All stages: sums, and of memory the most."""
    known = [line.recorded_seconds for line in lines if line.recorded_seconds is not None]
    return Line(
        stage="all",
        jobs=sum(line.jobs for line in lines),
        flops=sum(line.flops for line in lines),
        start_seconds=sum(line.start_seconds for line in lines),
        work_seconds=sum(line.work_seconds for line in lines),
        recorded_seconds=sum(known) if len(known) == len(lines) else None,
        disk_bytes=sum(line.disk_bytes for line in lines),
        process_bytes=max(line.process_bytes for line in lines),
        network_bytes=max(line.network_bytes for line in lines),
    )


def columns(lines: Sequence[Line]) -> Mapping[str, list[Any]]:
    """The table of a file: numbers without units, their names say them."""
    rows = [asdict(line) for line in lines]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _cells(stage: str, line: Line) -> tuple[str, ...]:
    recorded = "-" if line.recorded_seconds is None else duration(line.recorded_seconds)
    spans = (duration(line.start_seconds), duration(line.work_seconds), duration(line.seconds), recorded)
    sizes = (size(line.disk_bytes), size(line.process_bytes), size(line.network_bytes))
    return stage, str(line.jobs), scaled(line.flops), *spans, *sizes


def duration(seconds: float) -> str:
    """Seconds in the unit that people say: "7 s", "3.5 min", "12.0 h", "4.2 d"."""
    for unit, length, below in (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, 172800.0)):
        if seconds < below:
            return f"{seconds / length:.{0 if unit == 's' else 1}f} {unit}"
    return f"{seconds / 86400.0:.1f} d"


def scaled(flops: float) -> str:
    """FLOPs with a prefix: "12.5 T", "3.25 E"; "-" for none."""
    for prefix, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9)):
        if flops >= factor:
            return f"{flops / factor:.3g} {prefix}"
    return "-" if not flops else f"{flops / 1e6:.3g} M"


def size(n_bytes: float) -> str:
    """Bytes with a prefix: "3.8 MiB", "12 GiB"; "-" for none."""
    for prefix, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if n_bytes >= factor:
            return (
                f"{n_bytes / factor:.3g} {prefix}" if n_bytes / factor < 999.5 else f"{n_bytes / factor:.0f} {prefix}"
            )
    return "-" if not n_bytes else f"{n_bytes:.0f} B"
