"""Photographs that others publish, as a folder of image files: torchvision's data sets, and the hub's Parquet files.

Files are written as they were published where a source holds files, else without loss; nothing is resized.
"""

import inspect
import io
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

from selfrefine.core import files
from selfrefine.core.errors import InputError, one_line
from selfrefine.core.progress import Progress
from selfrefine.data.captions import COLUMNS
from selfrefine.data.image_folder import CAPTIONS, SUFFIXES
from selfrefine.data.providers import Most, first_delivery
from selfrefine.data.split_names import SPLITS

MOST = Most(gib=1024, hours=168)  # of photographs that a person asks for by name
ROWS = 256  # of a Parquet file that are in memory at a time


class Photograph(NamedTuple):
    """One image of a source: the name that it has there, without a folder, or ""; its file; its caption or ""."""

    name: str
    content: bytes
    caption: str = ""


@dataclass(frozen=True)
class OfTorchvision:
    """datasets.<name>.photographs of one of torchvision's data sets.

    Args:
        torchvision: class of torchvision.datasets whose items are an image and something else.
        train, test: which of its splits make ours; without test, ours are made by file names (prepare_data.test_share).
    """

    torchvision: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def read(self, split: str, downloads: Path, label: str) -> Iterator[Photograph]:
        """All photographs of one of its splits."""
        from torchvision import datasets

        if self.torchvision not in datasets.__all__:
            raise InputError(f"params.yaml: photographs.torchvision is {self.torchvision}, no class of its datasets")
        made: Any = getattr(datasets, self.torchvision)
        leaves = inspect.signature(made).parameters
        chosen = {"split": split} if "split" in leaves else {"train": split == "train"}
        found: Any = made(str(downloads), download=True, **chosen)
        with Progress(label, len(found), unit="image") as progress:
            for number in range(len(found)):
                content = io.BytesIO()
                found[number][0].save(content, "PNG")
                yield Photograph("", content.getvalue())
                progress.update(number + 1)


@dataclass(frozen=True)
class OfHub:
    """datasets.<name>.photographs of a data set of the Hugging Face hub that is kept in Parquet files.

    Args:
        hub: owner/name.
        revision: the commit there, or a branch, which may change.
        image_column: of the images' files.
        name_column: of the files' names, of which later ones are left out; "" numbers them.
        caption_column: of their captions, or lists whose first is taken; "" for none.
        train, test: as of torchvision's.
    """

    hub: str
    revision: str
    image_column: str
    name_column: str
    caption_column: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    def read(self, split: str, downloads: Path, label: str) -> Iterator[Photograph]:
        """All photographs of one of its splits; the hub's client keeps what it has downloaded for another time."""
        from huggingface_hub import HfApi, hf_hub_download
        from pyarrow import parquet

        commit = _asked(HfApi().dataset_info, self.hub, revision=self.revision).sha
        where: dict[str, Any] = {"repo_type": "dataset", "revision": commit}
        print(f"{label}: {self.hub} at commit {commit}", flush=True)
        held: list[str] = _asked(HfApi().list_repo_files, self.hub, **where)
        names = sorted(name for name in held if name.endswith(".parquet") and _split_of(name) == split)
        if not names:
            known = ", ".join(sorted({_split_of(name) for name in held if name.endswith(".parquet")}))
            raise InputError(f"{self.hub} at {commit} has no Parquet files of the split {split}; known: {known}")
        columns = [name for name in (self.image_column, self.name_column, self.caption_column) if name]
        for index, name in enumerate(names, 1):
            shard = parquet.ParquetFile(_asked(hf_hub_download, self.hub, name, **where))
            if absent := [column for column in columns if column not in shard.schema_arrow.names]:
                known = ", ".join(shard.schema_arrow.names)
                raise InputError(f"{self.hub}: {name} has no column {absent[0]}; known: {known}")
            title = f"{label}, file {index} of {len(names)}"
            with Progress(title, shard.metadata.num_rows, unit="image") as progress:
                done = 0
                for batch in shard.iter_batches(ROWS, columns=columns):
                    yield from (self._photograph(row) for row in batch.to_pylist())
                    progress.update(done := done + len(batch))

    def _photograph(self, row: Mapping[str, Any]) -> Photograph:
        name = PurePosixPath(str(row[self.name_column])).name if self.name_column else ""
        caption = row[self.caption_column] if self.caption_column else ""
        image = row[self.image_column]
        if not isinstance(image, dict) or not isinstance(image.get("bytes"), bytes):
            raise InputError(f"{self.hub}: column {self.image_column} holds no image files")
        return Photograph(name, image["bytes"], str((caption or [""])[0] if isinstance(caption, list) else caption))


Source = OfTorchvision | OfHub


def _asked(question: Callable[..., Any], *words: str, **more: Any) -> Any:
    """What the hub's client answers; faults of the network under it, which are no OSError, become an InputError."""
    try:
        return question(*words, **more)
    except OSError:
        raise
    except Exception as error:
        raise InputError(f"{words[0]}: {one_line(error)}") from error


def _split_of(name: str) -> str:
    """The split of a Parquet file: "data/train-00000-of-00003-1a2b.parquet" and "default/train/0000.parquet"."""
    path = PurePosixPath(name)
    return path.stem.partition("-")[0] if "-" in path.stem else path.parent.name


def fetch(dataset: str, source: Source, folder: Path, scratch: Path) -> int:
    """Fills a folder that is not there yet; it appears when it is whole. Returns the number of its images.

    Args:
        dataset: its name, for what is told.
        source: where from.
        folder: of the images; with test splits those of `train` and `test` are sub-folders of it, which
            prepare_data.own_splits reads. With captions there is a captions.csv.
        scratch: folder for downloads of torchvision.

    Raises:
        InputError: nobody delivers it, or what is delivered holds no images.
    """
    kind = "torchvision" if isinstance(source, OfTorchvision) else "hub"
    remedy = f"put its images into {folder}, or edit datasets.{dataset}.photographs in params.yaml or the experiment"
    partial = folder.with_name(f".{folder.name}.partial")

    def fill(downloads: Path) -> int:
        shutil.rmtree(partial, ignore_errors=True)
        return _fill(dataset, source, partial, downloads)

    number = first_delivery(f"photographs of {dataset}", [kind], {kind: fill}, scratch, remedy, MOST)
    files.move(partial, folder)
    shutil.rmtree(scratch, ignore_errors=True)
    return number


def _fill(dataset: str, source: Source, folder: Path, downloads: Path) -> int:
    """Writes all splits into a folder and returns the number of images."""
    captions: dict[str, str] = {}  # by name: of all images, empty ones too
    for ours, theirs in zip(SPLITS, (source.train, source.test), strict=True):
        below = PurePosixPath(ours if source.test else ".")
        (folder / below).mkdir(parents=True, exist_ok=True)
        for split in theirs:
            for photograph in source.read(split, downloads, f"photographs of {dataset}, {split}"):
                name = (below / _named(photograph, f"{len(captions):06}")).as_posix()
                if name not in captions:
                    captions[name] = photograph.caption
                    (folder / name).write_bytes(photograph.content)
    if not captions:
        raise InputError(f"{dataset}: no images")
    if any(captions.values()):
        files.write_table(folder / CAPTIONS, pd.DataFrame(captions.items(), columns=COLUMNS))
    return len(captions)


def _named(photograph: Photograph, otherwise: str) -> str:
    """The name of its file, with the suffix of its format: columns hold files whose names may have another or none."""
    kind = str(Image.open(io.BytesIO(photograph.content)).format).lower()
    name = PurePosixPath(photograph.name or otherwise)
    stem = name.stem if name.suffix.lower() in SUFFIXES else name.name
    return f"{stem}.{'jpg' if kind == 'jpeg' else kind}"
