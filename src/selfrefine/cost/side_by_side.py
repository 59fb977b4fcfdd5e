"""How long a finished run takes on other numbers of cores: its jobs, with their recorded times, scheduled again."""

import csv
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfrefine.core import files, record
from selfrefine.core.names import ROOMS, STAGE_OF_FOLDER

CORES = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Done:
    """A job that has run: its record, stage, seconds, and the records of the jobs whose outputs it read."""

    record: Path
    stage: str
    seconds: float
    needs: tuple[Path, ...]


def finished(root: Path, experiment: str) -> list[Done]:
    """The jobs of an experiment that have run in the project's folder; those that fetch belong to all experiments.

    Times are Snakemake's benchmark files; who needs whom stands in the records beside the outputs.
    """
    found = {path: (stage, place, known) for path, stage, place, known in _records(root, experiment)}
    jobs = []
    for path, (stage, place, known) in found.items():
        benchmark = (root / "benchmarks" / stage).joinpath(*place).with_suffix(".tsv")
        if benchmark.is_file():
            above = {folder / record.NAME for name in known[1]["inputs"] for folder in list((root / name).parents)[:2]}
            jobs.append(Done(path, stage, seconds(benchmark), tuple(sorted(above & found.keys() - {path}))))
    return sorted(jobs, key=lambda job: job.record)


def seconds(benchmark: Path) -> float:
    """What a job's last run took, by its benchmark file of Snakemake's.

    Raises:
        ValueError: no time in it, as after a kill.
    """
    *_, last = csv.DictReader(files.read_bytes(benchmark).decode().splitlines(), delimiter="\t")
    return float(last["s"])


def _records(root: Path, experiment: str) -> Iterator[tuple[Path, str, tuple[str, ...], record.Known]]:
    """Each record with its stage, its place below the stage's folder, and what it holds."""
    for room in ROOMS:
        for path in (root / room).glob(f"*/**/{record.NAME}"):
            folder, *place = path.parent.relative_to(root / room).parts
            stage = STAGE_OF_FOLDER.get(folder, folder)
            if (stage.startswith("fetch_") or experiment in place[:1]) and (known := record.read(path)):
                yield path, stage, tuple(place), known


def makespan(jobs: Sequence[Done], cores: int) -> float:
    """Seconds until the last job ends: each takes one core, and of those that are ready the longest chain is first."""
    chains, left = chain_seconds(jobs), {job.record: len(job.needs) for job in jobs}
    after: dict[Path, list[Done]] = {job.record: [] for job in jobs}
    for job in jobs:
        for need in job.needs:
            after[need].append(job)
    ready = [(-chains[job.record], job.record, job) for job in jobs if not job.needs]
    heapq.heapify(ready)
    running: list[tuple[float, Path, Done]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < cores:
            *_, job = heapq.heappop(ready)
            heapq.heappush(running, (now + job.seconds, job.record, job))
        now, _, done = heapq.heappop(running)
        for job in after[done.record]:
            left[job.record] -= 1
            if not left[job.record]:
                heapq.heappush(ready, (-chains[job.record], job.record, job))
    return now


def chain_seconds(jobs: Sequence[Done]) -> dict[Path, float]:
    """Of each job, the seconds of the longest chain that begins with it: no number of cores does it in less."""
    return {path: sum(job.seconds for job in chain) for path, chain in _chains(jobs).items()}


def longest_chain(jobs: Sequence[Done]) -> list[Done]:
    """The jobs that wait for one another the longest, the first one first."""
    return max(_chains(jobs).values(), key=lambda chain: sum(job.seconds for job in chain), default=[])


def _chains(jobs: Sequence[Done]) -> dict[Path, list[Done]]:
    by_record = {job.record: job for job in jobs}
    after: dict[Path, list[Path]] = {job.record: [] for job in jobs}
    for job in jobs:
        for need in job.needs:
            after[need].append(job.record)
    found: dict[Path, list[Done]] = {}

    def chain(path: Path) -> list[Done]:
        if path not in found:
            rest = max(map(chain, after[path]), key=lambda jobs: sum(job.seconds for job in jobs), default=[])
            found[path] = [by_record[path], *rest]
        return found[path]

    for job in jobs:
        chain(job.record)
    return found


def words(jobs: Sequence[Done]) -> str:
    """A sentence on the time of a run on CORES cores, and what bounds it; "" without a run."""
    if not jobs:
        return ""
    times = ", ".join(f"{makespan(jobs, cores) / 60:.1f}" for cores in CORES)
    chain = longest_chain(jobs)
    steps = " -> ".join(f"`{job.stage}` {job.seconds:.0f} s" for job in chain)
    return (
        f"Scheduled again from these times (simulated): {times} minutes on {', '.join(map(str, CORES))} cores. The "
        f"longest chain takes {sum(job.seconds for job in chain) / 60:.1f} minutes, however many there are: {steps}."
    )
