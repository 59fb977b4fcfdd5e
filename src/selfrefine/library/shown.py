"""What a folder's images show: by a table of the person's, else by the names of sub-folders."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from selfrefine.core.errors import InputError
from selfrefine.data import captions, image_folder
from selfrefine.data.split_names import sub_folder
from selfrefine.diffusion.pipelines import require
from selfrefine.library.conditions import Conditions
from selfrefine.library.subject import Subject

LABEL, CAPTION = "label", captions.CAPTION  # columns beside that of the file


def conditions(
    subject: Subject, folder: Path, names: Sequence[str], table: Path | None, guidance_scale: float
) -> Conditions | None:
    """What the pipeline is told of the images of a folder; None of one that is told nothing.

    Args:
        subject: the pipeline.
        folder: of the images.
        names: of the images, relative to it.
        table: CSV with the columns file and caption, or file and label; None: captions.csv of the folder, and of a
            pipeline with classes the sub-folders: a number each, the names of the pipeline's own classes, or any names,
            which are numbered in their order.
        guidance_scale: of the images behind highlighter and maps.

    Raises:
        InputError: a table for a pipeline that is told nothing, none for one that needs it, images that it lacks.
    """
    match subject.kind.condition:
        case "none":
            require(table is None, f"--captions {table}: given, but the pipeline is told nothing; leave it out")
            require(guidance_scale == 1.0, "--guidance: given, but the pipeline is told nothing; leave it out")
            return None
        case "captions":
            path = folder / image_folder.CAPTIONS if table is None else table
            require(path.is_file(), f"{path}: no such file; the pipeline makes images of prompts: --captions needed")
            return Conditions(_column(path, CAPTION, names), guidance_scale)
        case "classes":
            require(subject.kind.guided or guidance_scale == 1.0, "--guidance: 1 needed, the network has no null class")
            known, count = _known(subject), subject.kind.classes
            words = [sub_folder(name) for name in names] if table is None else _column(table, LABEL, names)
            return Conditions(_numbers(words, known, count, folder if table is None else table), guidance_scale)


def _column(path: Path, column: str, names: Sequence[str]) -> list[str]:
    """What a table says of each image."""
    given = captions.read(path, column)
    missing = [name for name in names if captions.composed(name) not in given]
    if missing:
        first = image_folder.shown(missing[0])
        raise InputError(
            f"{path}: lacks {len(missing)} of {len(names)} images, {first} among them; a {column} each needed"
        )
    return [given[captions.composed(name)] for name in names]


def _known(subject: Subject) -> Mapping[str, int]:
    """The pipeline's own names of its classes."""
    found: Mapping[str, int] = getattr(subject.pipeline, "labels", None) or {}
    return found


def _numbers(words: Sequence[str], known: Mapping[str, int], count: int, source: Path) -> list[int]:
    """The number of the class of each image.

    Args:
        words: number or name of each.
        known: numbers of names.
        count: of classes.
        source: what the words are of, for messages.
    """
    distinct = sorted(set(words))
    require("" not in distinct, f"{source}: images without a class; put each into the sub-folder of its class")
    if all(word.isdecimal() for word in distinct):
        numbers = {word: int(word) for word in distinct}
    elif all(word in known for word in distinct):
        numbers = {word: known[word] for word in distinct}
    else:
        require(
            not known and len(distinct) <= count,
            f"{source}: {len(distinct)} classes, {image_folder.shown(distinct[0])} among them; numbers 0 to {count - 1}"
            f"{', or names of the pipeline' if known else f', or at most {count} names'} needed",
        )
        numbers = {word: number for number, word in enumerate(distinct)}
        told = ", ".join(f"{image_folder.shown(word)} {number}" for word, number in numbers.items())
        print(f"{source}: classes are numbered in their order: {told}", flush=True)
    beyond = next((word for word in distinct if not 0 <= numbers[word] < count), None)
    require(beyond is None, f"{source}: class {beyond}; 0 to {count - 1} needed by the pipeline")
    return [numbers[word] for word in words]
