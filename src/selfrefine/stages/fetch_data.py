"""Fetches a data set's files as its makers deliver them, checked by sha256."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.job import Job, main
from selfrefine.data import published_sets


@dataclass(frozen=True)
class Config:
    """sources.<name>.fetch_data."""

    providers: tuple[str, ...]
    folder: str
    names: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """None: this stage begins the workflow."""


@dataclass(frozen=True)
class Outputs:
    """IDX files, unpacked, under their makers' names."""

    train_images: Path
    train_labels: Path
    test_images: Path
    test_labels: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Fetches all files from the first provider that has them, then writes them."""
    outputs = job.outputs
    with job.scratch() as scratch:
        contents = published_sets.fetch(
            job.config.names["source"], job.config.providers, Path(job.config.folder), scratch
        )
        for path in (outputs.train_images, outputs.train_labels, outputs.test_images, outputs.test_labels):
            files.write_bytes(path, contents[path.name])


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
