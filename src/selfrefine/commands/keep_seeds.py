"""What is kept in git of a finished seed: the small files that make_tables reads of it, and what they follow from.

evidence/<experiment>/seed<k>/
    results/..., models/...   what make_tables reads of the seed and of what jobs of no seed made, under its own paths
    records.json              the record of every job behind it, by its path: config, digests, machine
    about.json                commit, protocol, versions, machine, seconds of each job, SHA-256 of all weights
    SHA256SUMS                of all these, as `sha256sum --check` reads it
"""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from selfrefine.commands import listed_jobs, why
from selfrefine.commands.snakemake_plan import Planned
from selfrefine.core import devices, files
from selfrefine.core.contents import sha256s
from selfrefine.core.errors import InputError
from selfrefine.core.names import PROVENANCE
from selfrefine.cost import side_by_side
from selfrefine.params import check

FOLDER = Path("evidence")  # then the experiment, and a folder for each seed
ABOUT, RECORDS = "about.json", "records.json"
PROTOCOL = Path("docs", "protocol.md")  # beside the overlay: what was fixed before the first seed
WEIGHTS = (".safetensors",)  # the one format that stages save weights in
TRAINS = "train_"  # how the stages begin that make weights
TABLES = "make_tables"
VERSIONS = ("torch", "diffusers", "numpy", "pandas", "scipy", "snakemake")

Jobs = Mapping[str, Planned]  # by their records


def folder_of(experiment: str, seed: str) -> Path:
    """Where a seed is kept."""
    return FOLDER / experiment / f"seed{seed}"


def tables_job(jobs: Jobs) -> Planned:
    """The job that makes the tables."""
    return next(job for job in jobs.values() if job.stage == TABLES)


def seed_of(jobs: Jobs) -> dict[str, str]:
    """The seed of each file that a job of one makes, by its path; "" of one that belongs to all seeds."""
    return {path: job.names.get("seed", "") for job in jobs.values() for path in job.listed.outputs}


def behind(jobs: Jobs, seed: str) -> dict[str, Planned]:
    """The jobs of a seed and all that make what these read."""
    return _closure(jobs, [path for path, job in jobs.items() if job.names.get("seed") == seed])


def behind_all_seeds(jobs: Jobs) -> dict[str, Planned]:
    """The jobs of no seed that make_tables reads, as of a study with people, if they are finished; none if not."""
    read = {path for paths in tables_job(jobs).inputs.values() for path in paths}
    makers = [path for path, job in jobs.items() if "seed" not in job.names and read & {*job.listed.outputs}]
    found = _closure(jobs, makers)
    stale = (path for path, job in found.items() if not listed_jobs.is_current(job.stage, Path(path), job.listed))
    return {} if next(stale, None) else found


def _closure(jobs: Jobs, first: list[str]) -> dict[str, Planned]:
    """Some jobs, by their records, and all that make what these read."""
    found, waiting = dict[str, Planned](), first
    for path in waiting:
        if path not in found:
            found[path] = jobs[path]
            waiting += jobs[path].needs
    return found


def unfinished(jobs: Jobs, params: Mapping[str, Any]) -> str:
    """Why these jobs are not all finished and up to date, of the first that is not, in words; "" where all are."""
    stale = {path: job for path, job in jobs.items() if not listed_jobs.is_current(job.stage, Path(path), job.listed)}
    if not stale:
        return ""
    # In the order of the jobs' inputs: what comes later is stale for that reason.
    first = next(path for path, job in stale.items() if not {*job.needs} & {*stale})
    made = why.job_of(Path(first))
    changed = "an input would be made from other params, code or inputs now"
    reason = next(why.changes(made, params, stale[first].listed.inputs), changed) if made else "its job has not ended"
    return f"{len(stale)} of {len(jobs)} jobs are not finished and up to date, {first} first: {reason}"


def keep(experiment: str, seed: str, jobs: Jobs, commit: str) -> Path:
    """Keeps a finished seed.

    Args:
        experiment: its name.
        seed: of which all jobs are finished and up to date (`unfinished`).
        jobs: all of the experiment.
        commit: of the code, from `commit`.

    Returns:
        its folder, which appears when it is whole.
    """
    own, shared, folder = behind(jobs, seed), behind_all_seeds(jobs), folder_of(experiment, seed)
    made = {
        path for job in (own | shared).values() for path in job.listed.outputs if job.names.get("seed", seed) == seed
    }
    read = [path for paths in tables_job(jobs).inputs.values() for path in paths if path in made]
    with files.atomic_folder(folder) as kept:
        for path in small_files(read):
            (kept / path).parent.mkdir(parents=True, exist_ok=True)
            files.write_bytes(kept / path, files.read_bytes(path))
        files.write_json(kept / RECORDS, {path: files.read_json(Path(path)) for path in own | shared})
        files.write_json(kept / ABOUT, about(experiment, seed, own, commit))
    return folder


def small_files(paths: list[str]) -> Iterator[Path]:
    """These files and, of a folder, all but its weights, which its seal has the SHA-256 of."""
    for path in map(Path, paths):
        inside = files.visible(path) if path.is_dir() else {}
        yield from (path / name for name in inside if not name.endswith(WEIGHTS)) if inside else [path]


def about(experiment: str, seed: str, jobs: Jobs, commit: str) -> dict[str, Any]:
    """What about.json says of a seed; `jobs`: those behind it."""
    facts: dict[str, Counter[str]] = {}
    for path in jobs:
        for name, value in files.read_json(Path(path))[PROVENANCE]["machine"].items():
            facts.setdefault(name, Counter())[str(value)] += 1
    return {
        "experiment": experiment,
        "seed": seed,
        "commit": commit,
        "protocol": protocol(experiment),
        "kept_on": {
            "system": platform.system(),
            "machine": platform.machine(),
            "processors": devices.processors(),
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in VERSIONS},
        },
        "jobs_ran_with": facts,
        "seconds": {path: _seconds(job) for path, job in jobs.items()},
        "weights": weights(jobs),
    }


def protocol(experiment: str) -> dict[str, str]:
    """SHA-256 of the files that fix what is run and judged, by their paths; "" of one that is not there."""
    paths = (check.overlay(experiment), PROTOCOL)
    return {path.as_posix(): files.sha256(path) if path.is_file() else "" for path in paths}


def _seconds(job: Planned) -> float | None:
    """What a job's last run took; None where that is not known."""
    benchmark = Path(job.benchmark)
    return side_by_side.seconds(benchmark) if benchmark.is_file() else None


def weights(jobs: Jobs) -> dict[str, str]:
    """SHA-256 of the weights of every network that the jobs have trained, by their paths."""
    made = [Path(path) for job in jobs.values() if job.stage.startswith(TRAINS) for path in job.listed.outputs]
    inside = [file for path in made for file in (files.visible(path).values() if path.is_dir() else [path])]
    return sha256s({path.as_posix(): path for path in inside if path.suffix in WEIGHTS})


def commit(*, dirty: bool) -> str:
    """The commit of the code; with " with changes" behind it where the working tree differs, but for what is kept.

    Args:
        dirty: whether it may.

    Raises:
        InputError: it may not and does, or there is no commit.
    """
    try:
        head = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--", ".", f":(exclude){FOLDER}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError("no git repository here, whose commit would say what the seeds were run with") from error
    if not changed:
        return head
    if not dirty:
        first = changed.splitlines()[0][3:]
        raise InputError(f"{first}: changed since the last commit; commit it first, or say --dirty, which is kept, too")
    return f"{head} with changes"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.rstrip("\n")


def checked(folder: Path) -> dict[str, Any]:
    """What about.json says of a kept seed, after a look at every file.

    Raises:
        InputError: a file that is not what SHA256SUMS says.
    """
    try:
        files.check_folder(folder)
    except InputError as error:
        raise InputError(error.fact, f"`git checkout {FOLDER}` brings back what was kept") from error
    found: dict[str, Any] = files.read_json(folder / ABOUT)
    return found


def seeds(experiment: str) -> list[str]:
    """The kept seeds of an experiment, by number."""
    found = (path.name.removeprefix("seed") for path in (FOLDER / experiment).glob("seed*"))
    return sorted((name for name in found if name.isdecimal()), key=int)
