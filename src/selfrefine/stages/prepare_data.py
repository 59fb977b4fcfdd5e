"""Prepares both splits of a data set: classes of a source, or a folder of anybody's images, at their training size."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.data import captions, folder_splits, idx_images, image_folder
from selfrefine.data.folder_splits import SKIPPED, Note
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
    """datasets.<name>.prepare_data of a folder of images; contents: digest of their names and contents."""

    folder: str
    contents: str
    size: int
    channels: int
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
    if isinstance(job.config, OfSource):
        (train, test), notes = of_source(job.config, job.inputs), list[Note]()
    else:
        train, test, notes = of_folder(job.config, job.label, job.outputs.train_images.parent)
    out = job.outputs
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


def of_folder(config: OfFolder, label: str, room: Path) -> tuple[Split, Split, list[Note]]:
    """Train, test and notes on all else; prints a line for each reason to skip files, and one that counts them all.

    Args:
        label: what lines begin with.
        room: folder on a disk that has room for the images, which may be more than memory holds.
    """
    folder = Path(config.folder)
    found = image_folder.scan(folder)
    train, test, notes = folder_splits.read_folder(
        found.images,
        config.size,
        config.background,
        test_share=None if config.own_splits else config.test_share,
        seed=config.split_seed,
        max_images=config.max_images,
        label=label,
        captions=captions.of_folder(folder, found.images, label),
        channels=config.channels,
        room=partial(arrays.mapped_array, room),
    )
    others = [Note(image_folder.shown(name), SKIPPED, reason) for name, reason in found.others.items()]
    notes = [*others, *notes]
    for line in image_folder.skipped({note.source: note.detail for note in notes if note.note == SKIPPED}):
        print(f"{label}: {config.folder}/{line}", flush=True)
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
