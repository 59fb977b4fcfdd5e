"""What the images of a data set are called: sentences made of their classes, or those of a user's file.

Method 5.3: the paper's captions are those of COCO, the first of each image.
"""

import csv
import hashlib
import io
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.data import image_folder

LABEL, ARTICLE = "{label}", "{article}"
COLUMNS = (FILE, CAPTION) = ("file", "caption")


def of_classes(names: Sequence[str], numbers: Sequence[int], templates: Sequence[str]) -> list[str]:
    """A caption for each image; which template it gets follows from its number and that of templates alone.

    Args:
        names: of the class of each image.
        numbers: of each image in the source's file, so that it keeps its caption whatever else is chosen.
        templates: sentences with {label} for the class and, if wanted, {article} for its a or an.

    Raises:
        InputError: no template, or one without {label} or with other braces.
    """
    check_templates(templates)
    # Not in paper: sentences made of classes, because the embedded data set has no captions; several of them, so that
    # a network must read the class and cannot learn one embedding by heart for each.
    chosen = [templates[place(number, len(templates))] for number in numbers]
    pairs = zip(chosen, names, strict=True)
    return [template.replace(ARTICLE, article(name)).replace(LABEL, name) for template, name in pairs]


def check_templates(templates: Sequence[str]) -> None:
    """Raises InputError unless there are templates, each with {label} and with no braces but its and {article}'s."""
    if not templates:
        raise InputError(f"params.yaml: prepare_data.captions is empty; one template needed at least, like '{LABEL}'")
    for template in templates:
        rest = template.replace(LABEL, "").replace(ARTICLE, "")
        if LABEL not in template or "{" in rest or "}" in rest:
            raise InputError(
                f"params.yaml: prepare_data.captions holds '{template}'; needed: {LABEL}, allowed besides: {ARTICLE}"
            )


def place(number: int, choices: int) -> int:
    """Which of `choices` an image gets: as good as random, equal on every system."""
    return int.from_bytes(hashlib.sha256(f"caption/{number}".encode()).digest()[:8], "big") % choices


def article(name: str) -> str:
    """The indefinite article before a name, by its first letter, which is right for most: "an ankle boot"."""
    return "an" if name[:1].lower() in {*"aeiou"} else "a"


def of_folder(folder: Path, names: Collection[str], label: str) -> dict[str, str] | None:
    """The caption of each image of a folder, by its captions.csv; None of a folder without.

    Images that the file does not name get the empty caption, which diffusion models take for none; one line tells how
    many they are, and how many captions belong to no image.

    Args:
        folder: of the images.
        names: of all its images: paths relative to it, with slashes.
        label: what the line begins with.

    Raises:
        InputError: a file that is no such table, or names no image of the folder.
    """
    path = folder / image_folder.CAPTIONS
    if not path.is_file():
        return None
    known, given = {composed(name) for name in names}, read(path)
    missing, unknown = sorted(known - given.keys()), sorted(given.keys() - known)
    messages = [
        f"{len(found)} {what} (the first: {image_folder.shown(found[0])})"
        for found, what in ((missing, f"of {len(known)} images without caption"), (unknown, "captions without image"))
        if found
    ]
    if known and len(missing) == len(known):
        raise InputError(f"{path}: {', '.join(messages)}; file must be the path of an image relative to {folder}")
    if messages:
        print(f"{label}: {path}: {', '.join(messages)}", flush=True)
    return {name: given.get(composed(name), "") for name in names}


def composed(name: str) -> str:
    """A name in the form in which equal letters are equal characters: some systems store them in two parts."""
    return unicodedata.normalize("NFC", name)


def read(path: Path, column: str = CAPTION) -> dict[str, str]:
    """The first caption of each file of a CSV with the columns file and caption, UTF-8; each on one line.

    Args:
        path: the CSV.
        column: the name of the second column, where it holds something else.

    Raises:
        InputError: another table, or one that is cut off.
    """
    try:
        table = csv.DictReader(io.StringIO(files.read_bytes(path).decode("utf-8-sig"), newline=""), strict=True)
        columns = [*(table.fieldnames or ())]
        if not {FILE, column} <= {*columns}:
            raise InputError(f"{path}: columns {', '.join(columns) or 'none'} given, {FILE} and {column} needed")
        found: dict[str, str] = {}
        for row in table:
            if None in row or None in row.values():
                raise InputError(
                    f"{path}: line {table.line_num}: {len(columns)} columns needed; put captions with commas in quotes"
                )
            found.setdefault(composed(row[FILE]), " ".join(row[column].split()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a whole CSV file in UTF-8 ({error})") from error
    return found
