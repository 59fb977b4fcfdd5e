"""A study as a folder: `public/` is all that a participant's browser may see, `private/` what the page must not tell.

```
public/   index.html study.js study.css consent.html trials.json images/<id>.png vendor/   from any static host
private/  key.json: what each trial is; maps.npz: what people's picks are compared with
```
"""

import hashlib
import html
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selfrefine.core import arrays, files
from selfrefine.core.errors import DamagedError, InputError

FORMAT = 1
PICKS = 3  # cells that a participant picks; the paper's
PAGE = Path("workflow", "resources", "study")  # in the project's folder
KINDS = ("generated", "repeat", "catch", "real")
CONTACT = "the person who invited you"  # whom to ask where the study names nobody


@dataclass(frozen=True)
class Practice:
    """An image to practise on, (H, W, 3) uint8, and the cells that its planted flaw touches, row by row from 0."""

    image: np.ndarray
    flaw: tuple[int, ...]


@dataclass(frozen=True)
class Trial:
    """An image that a participant judges.

    Attributes:
        id: by which the page knows it; it must tell nothing of the kind.
        image: (H, W, 3) uint8.
        kind: generated, repeat (of a generated one), catch (with a planted flaw) or real (a photograph).
        row: of the image in the array that it was taken from.
        repeats: the id of the trial that a repeat repeats.
        flaw: cells that the planted flaw of a catch touches, row by row from 0.
    """

    id: str
    image: np.ndarray
    kind: str
    row: int
    repeats: str | None = None
    flaw: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Study:
    """All that a study is made of.

    Attributes:
        title: that participants read.
        grid: cells a side.
        practice: images to practise on, in their order.
        trials: in an order that tells nothing; each participant has an order of their own.
        maps: by name, (trials of the kind `generated`, grid, grid) in the order of `trials`.
        consent: HTML that a participant agrees to, "" for ours; "{contact}" and "{title}" in it are filled in.
        contact: whom participants may write to, "" for nobody by name.
    """

    title: str
    grid: int
    practice: tuple[Practice, ...]
    trials: tuple[Trial, ...]
    maps: Mapping[str, np.ndarray]
    consent: str
    contact: str


@dataclass(frozen=True)
class KeyTrial:
    """What the page does not tell of a trial: the attributes of `Trial` without its image."""

    kind: str
    row: int
    repeats: str | None
    flaw: tuple[int, ...] | None


@dataclass(frozen=True)
class Key:
    """What the page does not tell of a study: its trials by their ids. `study` is the study's own id."""

    study: str
    trials: dict[str, KeyTrial]


def write(folder: Path, study: Study, page: Path = PAGE) -> None:
    """Writes the folder of a study, whole or not at all.

    Its id is a digest of what participants see and of what each trial is; not of the maps nor of the page's code, so
    that answers can be compared with other maps of the same images.

    Args:
        folder: to be made; one that is there is replaced.
        study: what it holds.
        page: the folder of the page itself.

    Raises:
        InputError: trials or maps that do not fit together.
    """
    _check(study)
    consent = study.consent or files.read_bytes(page / "consent.html").decode()
    for word, value in (("{contact}", study.contact or CONTACT), ("{title}", study.title)):
        consent = consent.replace(word, html.escape(value))
    images = {f"p{number}": practice.image for number, practice in enumerate(study.practice, start=1)}
    images |= {trial.id: trial.image for trial in study.trials}
    encoded = {f"images/{name}.png": _png(image) for name, image in images.items()}
    told = _told(study, hashlib.sha256(consent.encode()).hexdigest())
    kinds = {trial.id: asdict(KeyTrial(trial.kind, trial.row, trial.repeats, trial.flaw)) for trial in study.trials}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in encoded.items()}
    text = json.dumps([told, kinds, digests], sort_keys=True)
    named = {"format": FORMAT, "study": hashlib.sha256(text.encode()).hexdigest()[:12]}
    with files.atomic_folder(folder) as made:
        shutil.copytree(page, made / "public", ignore=shutil.ignore_patterns(".*"))
        files.write_text(made / "public" / "consent.html", consent)
        files.write_json(made / "public" / "trials.json", named | told)
        for name, content in encoded.items():
            files.write_bytes(made / "public" / name, content)
        files.write_json(made / "private" / "key.json", named | {"trials": kinds})
        maps = {name: np.asarray(array, np.float32) for name, array in study.maps.items()}
        arrays.write_arrays(made / "private" / "maps.npz", maps | {"trials": np.array(_generated(study))})


def read_key(folder: Path) -> Key:
    """What each trial of a study is.

    Raises:
        InputError: no folder of a study.
    """
    key = _read(folder / "private" / "key.json")
    return Key(
        key["study"],
        {
            name: KeyTrial(**(found | {"flaw": None if found["flaw"] is None else tuple(found["flaw"])}))
            for name, found in key["trials"].items()
        },
    )


def read_maps(folder: Path) -> dict[str, np.ndarray]:
    """Maps of the generated images by name, (images, grid, grid) float32 each; `trials` are the ids of the rows."""
    return arrays.read_arrays(folder / "private" / "maps.npz")


def read_public(folder: Path) -> dict[str, Any]:
    """What the page is told of a study: the content of its trials.json.

    Raises:
        InputError: no folder of a study.
    """
    return _read(folder / "public" / "trials.json")


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"{path.parent.parent}: no folder of a study ({path.relative_to(path.parents[1])} is not there)"
        )
    try:
        found: dict[str, Any] = files.read_json(path)
    except ValueError as error:
        raise DamagedError(path, f"not JSON ({error})") from error
    if found.get("format") != FORMAT:
        raise InputError(f"{path}: format {found.get('format')} given, {FORMAT} can be read; make the study again")
    return found


def _told(study: Study, consent: str) -> dict[str, Any]:
    """What the page is told, but for format and id.

    Not in paper: trials come in two blocks, each in an order of the participant's own; what is repeated is in the
    first and its repeat in the second, because the same image twice running would measure memory. All the others
    alternate, so that a block tells nothing.
    """
    repeated = {trial.repeats for trial in study.trials if trial.repeats is not None}
    others = [trial.id for trial in study.trials if trial.repeats is None and trial.id not in repeated]
    block = {name: 1 + number % 2 for number, name in enumerate(others)}
    block |= dict.fromkeys(repeated, 1) | {trial.id: 2 for trial in study.trials if trial.repeats is not None}
    return {
        "title": study.title,
        "grid": study.grid,
        "picks": PICKS,
        "consent": consent,
        "contact": study.contact or CONTACT,
        "practice": [
            {"id": f"p{number}", "image": f"images/p{number}.png", "flaw": sorted(practice.flaw)}
            for number, practice in enumerate(study.practice, start=1)
        ],
        "trials": [
            {"id": trial.id, "image": f"images/{trial.id}.png", "block": block[trial.id]} for trial in study.trials
        ],
    }


def _generated(study: Study) -> list[str]:
    return [trial.id for trial in study.trials if trial.kind == "generated"]


def _png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="png")
    return stream.getvalue()


def _check(study: Study) -> None:
    """Refuses what would make a page that cannot be answered, or answers that cannot be read."""
    names = [trial.id for trial in study.trials]
    kinds = {trial.id: trial.kind for trial in study.trials}
    if not study.trials or len(kinds) < len(names) or not all(name.isascii() and name.isalnum() for name in names):
        raise InputError(
            f"trials {', '.join(names) or 'none'} given; allowed: one or more, letters and digits, no two equal"
        )
    if study.grid**2 <= PICKS:
        raise InputError(f"a grid of {study.grid} x {study.grid} cells given; more than {PICKS} cells are needed")
    for trial in study.trials:
        if trial.kind not in KINDS:
            raise InputError(f"trial {trial.id} is of kind {trial.kind}; allowed: {', '.join(KINDS)}")
        if (trial.kind == "repeat") != (kinds.get(trial.repeats or "") == "generated"):
            raise InputError(
                f"trial {trial.id} of kind {trial.kind} repeats {trial.repeats}; a repeat is of a generated one"
            )
    for flaw in [practice.flaw for practice in study.practice] + [trial.flaw or () for trial in study.trials]:
        if not all(0 <= cell < study.grid**2 for cell in flaw):
            raise InputError(f"a flaw in cells {flaw} given; cells are 0 to {study.grid**2 - 1}")
    shape = (len(_generated(study)), study.grid, study.grid)
    for name, array in study.maps.items():
        if np.shape(array) != shape:
            raise InputError(f"map {name}: {np.shape(array)} given, {shape} needed: one row a generated trial")
