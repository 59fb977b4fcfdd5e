"""Where the time of a run went: Snakemake's clock, and the memory that jobs tell in their logs, by stage."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from selfrefine.core import files
from selfrefine.cost.clock import Line

# What runtime.main prints last. Snakemake's own figure is of the command, and none where it was short.
PEAK = re.compile(r"peak memory (\d+) MiB$", re.MULTILINE)


def stages(root: Path, experiment: str) -> list[Line]:
    """Jobs, seconds, share of all seconds and greatest peak memory of each stage, the longest first; empty without run.

    Args:
        root: the project's folder, with benchmarks/<stage>/...tsv and logs/<stage>/...log.
        experiment: whose jobs; those of stages that fetch belong to all.
    """
    folders = sorted(path for path in (root / "benchmarks").glob("*") if path.is_dir())
    jobs = {folder.name: [_job(path, root) for path in _of(folder, experiment)] for folder in folders}
    sums = [_line(stage, found) for stage, found in jobs.items() if found]
    total = sum(line["seconds"] for line in sums)
    lines = [line | {"share": line["seconds"] / total if total else math.nan} for line in sums]
    return sorted(lines, key=lambda line: (-line["seconds"], line["stage"]))


def _of(folder: Path, experiment: str) -> Iterator[Path]:
    """Benchmark files of a stage that belong to the experiment."""
    for path in sorted(folder.rglob("*.tsv")):
        place = path.relative_to(folder).with_suffix("").parts
        if folder.name.startswith("fetch_") or experiment in place:
            yield path


def _job(path: Path, root: Path) -> tuple[float, float]:
    """Seconds and peak MiB of a job's last run; not a number where it has told none."""
    *_, last = csv.DictReader(files.read_bytes(path).decode().splitlines(), delimiter="\t")
    log = root / "logs" / path.relative_to(root / "benchmarks").with_suffix(".log")
    peaks = PEAK.findall(files.read_bytes(log).decode()) if log.is_file() else []
    return float(last["s"]), float(peaks[-1]) if peaks else math.nan


def _line(stage: str, jobs: Sequence[tuple[float, float]]) -> Line:
    peaks = [peak for _, peak in jobs if math.isfinite(peak)]
    seconds = sum(seconds for seconds, _ in jobs)
    return {"stage": stage, "jobs": len(jobs), "seconds": seconds, "peak_mib": max(peaks, default=math.nan)}
