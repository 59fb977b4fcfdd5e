"""How long a run still takes: from the recorded times of its jobs, else from those of their stages, here or elsewhere.

A job that has run before, with whatever params, has a benchmark file of Snakemake's. What this run's own jobs take,
compared with theirs, says whether the machine is as fast as it was then.
"""

import contextlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from selfrefine.cost import side_by_side

NOWHERE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Ahead:
    """A job of a run.

    Args:
        record: what names it: its record, relative to the project's folder.
        benchmark: Snakemake's file of its last run: benchmarks/<stage>/<experiment>/...tsv.
        needs: the records of the jobs of this run that it waits for.
    """

    record: Path
    benchmark: Path
    needs: tuple[Path, ...]

    @property
    def stage(self) -> str:
        """The stage that it is a job of."""
        return self.benchmark.parts[1]


class TimeLeft:
    """Seconds until the last job of a run ends.

    Args:
        jobs: all that the run is to do.
        places: how many of them run at a time.
        elsewhere: stage -> the mean time of its jobs on some other machine, for those that never ran here.
    """

    def __init__(self, jobs: Iterable[Ahead], places: int, elsewhere: Mapping[str, float] = NOWHERE) -> None:
        self.ahead = {job.record: job for job in jobs}
        self.places = places
        self.elsewhere = elsewhere
        self.recorded = {path: _seconds([job.benchmark]) for path, job in self.ahead.items()}
        self.of_stage = {folder: _seconds(_benchmarks(folder)) for folder in map(_folder, self.ahead.values())}
        self.began: dict[Path, float] = {}
        self.took: dict[Path, float] = {}
        self.failed: set[Path] = set()

    def starts(self, record: Path, now: float) -> None:
        """Tells that a job starts at `now`, in seconds of some clock; it may have failed before."""
        self.began[record] = now
        self.failed.discard(record)

    def ends(self, record: Path, now: float) -> float:
        """Tells that a job has ended well; the seconds that it took."""
        self.took[record] = now - self.began.pop(record, now)
        return self.took[record]

    def fails(self, record: Path) -> None:
        """Tells that a job has failed: neither it nor what waits for it is ahead any more."""
        self.began.pop(record, None)
        self.failed.add(record)

    def seconds(self, now: float) -> tuple[float, bool]:
        """Seconds that are left, by what is known; and whether that is all, or some jobs' stages have no time yet."""
        lost, pace, means = self._lost(), self._pace(), self._means()
        ahead = [job for path, job in self.ahead.items() if path not in self.took and path not in lost]
        asked = {job.record: self._of(job, pace, means) for job in ahead}
        jobs = []
        for job in ahead:
            left = max(0.0, (asked[job.record] or 0.0) - (now - self.began.get(job.record, now)))
            needs = tuple(need for need in job.needs if need in asked)
            jobs.append(side_by_side.Done(job.record, job.stage, left, needs))
        return side_by_side.makespan(jobs, self.places), None not in asked.values()

    def _lost(self) -> set[Path]:
        """The jobs that have failed, and all that wait for them."""
        lost = set(self.failed)
        while more := {path for path, job in self.ahead.items() if path not in lost and lost.intersection(job.needs)}:
            lost |= more
        return lost

    def _of(self, job: Ahead, pace: float, means: Mapping[Path, float]) -> float | None:
        """Seconds that the whole of a job takes; None if nothing is known of its stage."""
        recorded, folder = self.recorded[job.record], _folder(job)
        if recorded is not None:
            return recorded * pace
        if folder in means:
            return means[folder]
        of_stage = self.of_stage[folder]
        return of_stage * pace if of_stage else self.elsewhere.get(job.stage)

    def _means(self) -> dict[Path, float]:
        """What this run's own jobs took, the mean of each stage; made once for all jobs that are ahead."""
        took: dict[Path, list[float]] = {}
        for path, seconds in self.took.items():
            took.setdefault(_folder(self.ahead[path]), []).append(seconds)
        return {folder: statistics.mean(seconds) for folder, seconds in took.items()}

    def _pace(self) -> float:
        """What this run's jobs took, compared with their recorded times; few of them say little."""
        known = {path: seconds for path, seconds in self.recorded.items() if seconds}
        ended = [path for path in known if path in self.took]
        doubt = sum(known.values()) / 10 or 1.0
        return (sum(self.took[path] for path in ended) + doubt) / (sum(known[path] for path in ended) + doubt)


def words(seconds: float) -> str:
    """A time in the unit that suits it: 58 s, 12 min, 3.5 h, 4.2 days."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def left_words(seconds: float, all_known: bool) -> str:
    """What is said of the time that is left; nothing where nothing is known."""
    if all_known:
        return f"about {words(seconds)} left"
    return f"more than {words(seconds)} left" if seconds else ""


def _folder(job: Ahead) -> Path:
    """Where the benchmarks of a job's stage in its experiment lie."""
    return Path(*job.benchmark.parts[:3])


def _benchmarks(folder: Path) -> Sequence[Path]:
    return sorted(folder.rglob("*.tsv")) if folder.is_dir() else []


def _seconds(benchmarks: Sequence[Path]) -> float | None:
    """The mean of recorded times; None where there is none."""
    found = []
    for path in benchmarks:
        with contextlib.suppress(OSError, ValueError):  # none yet, or half of one, as after a kill
            found.append(side_by_side.seconds(path))
    return statistics.mean(found) if found else None
