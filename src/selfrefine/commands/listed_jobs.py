"""What a stage's jobs follow from, listed without what they made: DVC compares the lists, and records answer to them.

A list is a function of params, rules and code alone, so that equal ones ask for nothing. It names each job by its
record and holds the config that its rule has, the digest of its code, and the paths of its inputs and outputs. What the
user's folders hold is left out: it is read when the list is held against the records.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine.commands import why
from selfrefine.core import files, record
from selfrefine.core.errors import InputError
from selfrefine.core.names import CONTENTS
from selfrefine.data import user_files
from selfrefine.params import experiment

FOLDER = Path("results", "list_jobs")  # then the experiment, and a file for each stage


class Listed(NamedTuple):
    """A job: its config without CONTENTS, the digest of its code, its inputs and outputs, the record among these."""

    config: dict[str, Any]
    code: str
    inputs: list[str]
    outputs: list[str]


def write(folder: Path, stages: Mapping[str, Mapping[str, Listed]]) -> None:
    """Writes the list of each stage, jobs by the paths of their records, as `<stage>.json`."""
    for stage, jobs in stages.items():
        files.write_json(folder / f"{stage}.json", {path: job._asdict() for path, job in jobs.items()})


def read(stage: str) -> dict[str, Listed]:
    """The list of a stage in the experiment that params.yaml names; the working folder is the project's.

    Raises:
        InputError: there is none, or the experiment is no file.
    """
    path = FOLDER / experiment.laid_over(Path())["experiment"] / f"{stage}.json"
    if not path.is_file():
        raise InputError(f"{path}: no such list of jobs; `selfrefine list-jobs` writes those of all stages")
    return {name: Listed(**job) for name, job in files.read_json(path).items()}


def changed(stage: str, jobs: Mapping[str, Listed]) -> str | None:
    """A job of a stage that would make something else now, or did not end, by its record; None if there is none.

    The same as `commands/records.py` asks for Snakemake, but that its inputs are taken as their own records have them:
    DVC asks the stages before first.
    """
    return next((path for path, job in jobs.items() if not is_current(stage, Path(path), job)), None)


def is_current(stage: str, path: Path, job: Listed) -> bool:
    """Whether a job's outputs are what its record says, and the record what the list says."""
    known = record.read(path)
    if known is None:
        return False
    inputs = {name: why.digest_of_input(Path(name)) for name in job.inputs}
    given = {name: digest for name, digest in inputs.items() if digest is not None}
    present = record.present(Path(name) for name in job.outputs if Path(name) != path)
    made = {os.path.relpath(name, path.parent): digest for name, digest in present.items()}
    config = user_files.watched(stage, job.config, path)
    provenance = known[1]
    return (
        given == inputs == provenance["inputs"]
        and made == provenance["outputs"]
        and len(made) == len(job.outputs) - 1
        and provenance["lineage"] == record.lineage(config, job.code, record.origins(given))
    )


def without_contents(config: Mapping[str, Any]) -> dict[str, Any]:
    """A job's config without the digest of the user's folder."""
    return {key: value for key, value in config.items() if key != CONTENTS}
