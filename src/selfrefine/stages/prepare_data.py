"""Prepares one split of a data set: the first images, padded, resized and rounded once; labels as captions."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from selfrefine import datasets, files
from selfrefine.errors import InputError
from selfrefine.runtime import Job, main
from selfrefine.sources import SOURCES


@dataclass(frozen=True)
class Config:
    """datasets.<name>.prepare_data."""

    source: str
    size: int
    pad: int
    max_images: int
    names: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """The IDX files of this split; named photographs, since an output is called images."""

    photographs: Path
    labels: Path


@dataclass(frozen=True)
class Outputs:
    """images: (N, size, size, 3) uint8; table: their label, caption and source (index in the IDX file), a row each."""

    images: Path
    table: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Reads, checks, prepares and writes one split."""
    config, inputs = job.config, job.inputs
    images = datasets.read_idx_images(inputs.photographs)
    labels = datasets.read_idx_labels(inputs.labels)
    if len(images) != len(labels):
        raise InputError(
            f"{inputs.photographs}: {len(images)} images, but {len(labels)} labels in {inputs.labels}; "
            "delete both and run the same command"
        )
    images, labels = images[: config.max_images], labels[: config.max_images]
    classes = SOURCES[config.source].classes
    if labels.max(initial=0) >= len(classes):
        raise InputError(f"{inputs.labels}: label {labels.max()} given, {config.source} has 0 ... {len(classes) - 1}")
    captions = [classes[label] for label in labels]
    files.write_array(job.outputs.images, datasets.prepare(images, config.size, config.pad))
    items = pd.DataFrame({"label": labels, "caption": captions, "source": range(len(labels))})
    files.write_table(job.outputs.table, items)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
