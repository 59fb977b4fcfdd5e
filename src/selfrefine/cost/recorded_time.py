"""Where the time of a run went: Snakemake's clock, and the memory that jobs say in their logs, by stage."""

import math
import re
from pathlib import Path

from selfrefine.core import files
from selfrefine.cost import side_by_side
from selfrefine.cost.clock import Line

# What core.job prints last. Snakemake's own figure is of the command, and none where it was short.
PEAK = re.compile(r"peak memory (\d+) MiB$", re.MULTILINE)


def stages(root: Path, experiment: str) -> list[Line]:
    """Jobs, seconds, share of all seconds and greatest peak memory of each stage, the longest first; empty without run.

    The project's folder has benchmarks/<stage>/...tsv and logs/<stage>/...log; stages that fetch belong to all.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((root / "benchmarks").glob("*/**/*.tsv")):
        stage, *place = path.relative_to(root / "benchmarks").with_suffix("").parts
        if stage.startswith("fetch_") or experiment in place:
            found.setdefault(stage, []).append(_job(path, root))
    total = sum(seconds for jobs in found.values() for seconds, _ in jobs) or math.nan
    lines = []
    for stage, jobs in found.items():
        seconds, peaks = sum(seconds for seconds, _ in jobs), [peak for _, peak in jobs if math.isfinite(peak)]
        line: Line = {"stage": stage, "jobs": len(jobs), "seconds": seconds, "share": seconds / total}
        lines.append(line | {"peak_mib": max(peaks, default=math.nan)})
    return sorted(lines, key=lambda line: (-line["seconds"], line["stage"]))


def _job(path: Path, root: Path) -> tuple[float, float]:
    """Seconds and peak MiB of a job's last run; not a number where its log says none."""
    log = root / "logs" / path.relative_to(root / "benchmarks").with_suffix(".log")
    peaks = PEAK.findall(files.read_bytes(log).decode()) if log.is_file() else []
    return side_by_side.seconds(path), float(peaks[-1]) if peaks else math.nan
