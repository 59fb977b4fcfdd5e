"""Where the time of a run went: Snakemake's benchmark files, added up by stage."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from selfrefine import files
from selfrefine.benchmarks.timing import Line


def stages(benchmarks: Path, experiment: str) -> list[Line]:
    """Jobs, seconds, share of all seconds and greatest peak memory of each stage, the longest first; empty without run.

    Args:
        benchmarks: the folder benchmarks/<stage>/...
        experiment: whose jobs; those of stages that fetch belong to all.
    """
    folders = sorted(path for path in benchmarks.glob("*") if path.is_dir())
    jobs = {folder.name: [_job(path) for path in _of(folder, experiment)] for folder in folders}
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


def _job(path: Path) -> Mapping[str, str]:
    """The row of a job's last run."""
    *_, last = csv.DictReader(files.read_bytes(path).decode().splitlines(), delimiter="\t")
    return last


def _line(stage: str, jobs: Iterable[Mapping[str, str]]) -> Line:
    jobs = list(jobs)
    peaks = [number for number in (_number(job["max_rss"]) for job in jobs) if math.isfinite(number)]
    seconds = sum(_number(job["s"]) for job in jobs)
    return {"stage": stage, "jobs": len(jobs), "seconds": seconds, "peak_mib": max(peaks, default=math.nan)}


def _number(text: str) -> float:
    """A figure; Snakemake writes "-" or "NA" where a job was too short to be looked at."""
    try:
        return float(text)
    except ValueError:
        return math.nan
