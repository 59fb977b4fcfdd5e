"""A dress rehearsal of the paper's scale: a project of its own with all that is needed, and what each stage took.

It has its own folder, so that nothing of it lies among a person's downloads, data or results: deleting it undoes it.
"""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.names import ROOMS, STAGE_OF_FOLDER
from selfrefine.cost import made_networks, made_photographs, recorded_time, rehearsal_params
from selfrefine.cost.made_photographs import LAYOUTS
from selfrefine.data import split_names
from selfrefine.params import check, experiment, job_config, references

COPIED = ("Snakefile", "workflow", "profiles", "environment.yml", ".dvcignore")
HEAD = (
    "# Made by `selfrefine rehearse` from experiments/paper.yaml; edits are lost. Fraction of all numbers of images: "
)
CHECKPOINTS = 3  # of a job in training while it writes one
MEASURED = ["stage", "jobs", "seconds", "peak_mib", "files", "disk_bytes"]


class Asked(NamedTuple):
    """What is rehearsed: a fraction of all numbers of images, selected rows in the place of the paper's, and leaves
    that are laid over all.
    """

    fraction: float
    select: Mapping[str, list[str]]
    over: Mapping[str, Any]


def params(root: Path, asked: Asked) -> dict[str, Any]:
    """params.yaml with the rehearsal's overlay, unchecked.

    Args:
        root: the project's folder.
        asked: what is rehearsed.
    """
    paper = experiment.laid_over(root, [("", {"experiment": rehearsal_params.OF})])
    names = job_config.selected(paper, "datasets") if asked.fraction < 1.0 else []  # all is as the paper's file says
    held_out = min((_held_out(paper, name, asked.fraction) for name in names), default=0)
    made = rehearsal_params.overlay(paper, asked.fraction, held_out, _with_models(paper, asked.select))
    made = job_config.merge(made, _maps_of_first(made))
    return job_config.merge(made, asked.over) | {"experiment": rehearsal_params.NAME}


def _with_models(paper: Mapping[str, Any], select: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Selected rows; where data sets are named alone, with the paper's models that run on them."""
    if "datasets" not in select or "models" in select:
        return dict(select)
    there = {model for dataset in select["datasets"] for model in job_config.selected(paper, "models", dataset)}
    return dict(select) | {"models": [model for model in paper["select"]["models"] if model in there]}


def _maps_of_first(made: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves by which maps are compared on the first run, which figures show: the paper compares them on its own first
    one alone, and selected rows may leave that out.
    """
    for run in references.runs(made):
        if run.is_first and not run.value("evaluate_maps", "n_images"):
            images = made["evaluate_maps"]["n_images"]
            fakes = run.value("generate_fakes", "n_images") + images
            leaves = {"evaluate_maps": {"n_images": images}, "generate_fakes": {"n_images": fakes}}
            return {"models": {run.names["model"]: leaves}}
    return {}


def _held_out(paper: Mapping[str, Any], dataset: str, fraction: float) -> int:
    prepared = job_config.job(paper, "prepare_data", {"dataset": dataset})
    return len(splits(prepared, _names(Path(prepared["folder"]), fraction))[1])


def splits(prepared: Mapping[str, Any], names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Train and test among the names of a folder's images, by a config of prepare_data."""
    share = None if prepared["own_splits"] else prepared["test_share"]
    return split_names.split_names(names, share, prepared["split_seed"])


def _names(folder: Path, fraction: float) -> list[str]:
    return list(LAYOUTS[folder.name].names(fraction, rehearsal_params.LEAST_PHOTOGRAPHS))


def photographs(values: Mapping[str, Any], fraction: float) -> dict[Path, list[str]]:
    """The files of each folder of photographs that the selected data sets name.

    Raises:
        InputError: a data set that is none of the paper's.
    """
    found = {}
    for name in job_config.selected(values, "datasets"):
        folder = Path(job_config.job(values, "prepare_data", {"dataset": name}).get("folder", ""))
        if folder.name not in LAYOUTS:
            raise InputError(f"{name}: no data set of the paper; those of experiments/paper.yaml are rehearsed")
        found[folder] = _names(folder, fraction)
    return found


def disk(planned: pd.DataFrame, values: Mapping[str, Any], fraction: float) -> int:
    """Bytes that a rehearsal takes at most: photographs, networks, what stages leave, and what the largest of them
    holds beside it while it works: checkpoints, or its images in chunks.

    Args:
        planned: from `plan_table.lines`.
        values: from `params`.
        fraction: of numbers of images.
    """
    images = photographs(values, fraction).items()
    pictures = sum(len(names) * LAYOUTS[folder.name].kilobytes * 1000 for folder, names in images)
    given = sum(size for _, size in made_networks.wanted(values).values())
    beside = CHECKPOINTS * int((planned["disk_bytes"] / planned["jobs"]).max())
    return pictures + given + int(planned["disk_bytes"].sum()) + beside


def size(folder: Path) -> int:
    """Bytes of all files in a folder and below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def prepare(root: Path, place: Path, values: Mapping[str, Any], fraction: float) -> Iterator[str]:
    """Makes the rehearsal's project; what is there already stays. Yields a line for each part.

    Args:
        root: the project's folder.
        place: of the rehearsal.
        values: from `params`.
        fraction: of numbers of images.
    """
    for name in COPIED:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_dir():
            shutil.copytree(root / name, target, dirs_exist_ok=True)
        else:
            files.write_bytes(target, files.read_bytes(root / name))
    if not (place / "src").is_symlink():
        (place / "src").symlink_to((root / "src").resolve())
    overlay = {section: value for section, value in values.items() if section != "experiment"}
    base = files.read_bytes(root / check.PARAMS).decode()
    chosen = re.sub(r"^experiment: .*$", f"experiment: {rehearsal_params.NAME}", base, flags=re.MULTILINE)
    files.write_text(place / check.PARAMS, chosen)
    text = f"{HEAD}{fraction:g}.\n" + yaml.safe_dump(overlay, sort_keys=False, width=120)
    files.write_text(place / check.overlay(rehearsal_params.NAME), text)
    yield f"{place}: the project, with experiments/{rehearsal_params.NAME}.yaml"
    for folder, names in photographs(values, fraction).items():
        made_photographs.fill(place / folder, LAYOUTS[folder.name], names)
        yield f"{place / folder}: {len(names)} images that show nothing"
    for folder, (make, _) in made_networks.wanted(values).items():
        if not (place / folder).is_dir():
            make(place / folder)
        yield f"{place / folder}: random weights"


def measured(place: Path) -> pd.DataFrame:
    """What each stage took, the longest first: MEASURED; files and bytes are those that it left.

    Args:
        place: of the rehearsal, after its run.
    """
    left = {stage: list(_left(place, stage)) for stage in _folders(place)}
    lines = [
        {
            "stage": line["stage"],
            "jobs": line["jobs"],
            "seconds": line["seconds"],
            "peak_mib": line["peak_mib"],
            "files": len(left.get(str(line["stage"]), [])),
            "disk_bytes": sum(left.get(str(line["stage"]), [])),
        }
        for line in recorded_time.stages(place, rehearsal_params.NAME)
    ]
    return pd.DataFrame(lines, columns=MEASURED)


def _folders(place: Path) -> Sequence[str]:
    folders = [folder.name for room in ROOMS for folder in (place / room).glob("*") if folder.is_dir()]
    return [STAGE_OF_FOLDER.get(name, name) for name in folders]


def _left(place: Path, stage: str) -> Iterator[int]:
    """The bytes of each file that a stage left."""
    names = {folder for folder, of in STAGE_OF_FOLDER.items() if of == stage} or {stage}
    for room in ROOMS:
        for name in names:
            yield from (path.stat().st_size for path in (place / room / name).rglob("*") if path.is_file())
