"""Prepares both splits of a data set: classes of a source, or a folder of anybody's images, at their training size."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.data import captions, folder_splits, idx_images, image_folder
from selfrefine.data.folder_splits import Note
from selfrefine.data.idx_images import Split
from selfrefine.data.idx_sets import SOURCES


@dataclass(frozen=True)
class OfSource:
    """datasets.<name>.prepare_data of a data set made from a row of `sources`."""

    source: str
    classes: tuple[str, ...]
    size: int
    pad: int
    max_images: int
    captions: tuple[str, ...]
    names: dict[str, str]


@dataclass(frozen=True)
class OfFolder:
    """datasets.<name>.prepare_data of a folder of images; contents: digest of names, sizes, times."""

    folder: str
    contents: str
    size: int
    background: str
    own_splits: bool
    test_share: float
    split_seed: int
    minimum_images: int
    max_images: int
    names: dict[str, str]


Config = OfSource | OfFolder


@dataclass(frozen=True)
class Inputs:
    """A source's IDX files, train and test; none for a folder, which no rule makes."""

    photographs: tuple[Path, ...]
    labels: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Images: (N, size, size, 3) uint8; items: label, caption and source of each; notes: files not used as they are."""

    train_images: Path
    train_items: Path
    test_images: Path
    test_items: Path
    notes: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Reads, checks, prepares and writes both splits."""
    out = job.outputs
    if isinstance(job.config, OfSource):
        (train, test), notes = of_source(job.config, job.inputs), list[Note]()
    else:
        train, test, notes = of_folder(job.config, job.label)
    for split, images, items in ((train, out.train_images, out.train_items), (test, out.test_images, out.test_items)):
        arrays.write_array(images, split.images)
        table = {"label": split.labels, "caption": split.captions, "source": split.sources}
        files.write_table(items, pd.DataFrame(table))
    files.write_table(out.notes, pd.DataFrame(notes, columns=Note._fields))


def of_source(config: OfSource, inputs: Inputs) -> Iterator[Split]:
    """Train and test, as the source's makers split it."""
    for photographs, labels in zip(inputs.photographs, inputs.labels, strict=True):
        yield idx_images.of_source(
            photographs,
            labels,
            SOURCES[config.source].classes,
            kept=config.classes,
            size=config.size,
            pad=config.pad,
            max_images=config.max_images,
            templates=config.captions,
        )


def of_folder(config: OfFolder, label: str) -> tuple[Split, Split, list[Note]]:
    """Train, test and notes; prints a line for each file that gives no image, and one that counts them all."""
    folder = Path(config.folder)
    paths = image_folder.image_files(folder)
    train, test, notes = folder_splits.read_folder(
        paths,
        config.size,
        config.background,
        test_share=None if config.own_splits else config.test_share,
        seed=config.split_seed,
        max_images=config.max_images,
        label=label,
        captions=captions.of_folder(folder, paths, label),
    )
    for note in notes:
        if note.note == folder_splits.SKIPPED:
            print(f"{label}: {config.folder}/{note.source}: {note.detail}; {note.note}", flush=True)
    message = folder_splits.summary(train, test, notes)
    print(f"{label}: {config.folder}: {message}", flush=True)
    if len(train.images) + len(test.images) < config.minimum_images or not (len(train.images) and len(test.images)):
        raise InputError(
            f"{config.folder}: {message}; needed: {config.minimum_images} images and some in each split; add images, "
            f"or edit folder, minimum_images or test_share of datasets.{config.names['dataset']} in params.yaml"
        )
    return train, test, notes


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
