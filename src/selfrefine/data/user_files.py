"""Folders of the user that jobs read: what they hold is part of the config of a job, so that a change is noticed.

Their content counts, not their dates (`core/contents.py`). Imports only the standard library: the Snakefile uses it.
"""

from pathlib import Path
from typing import Any

from selfrefine.core import contents, files
from selfrefine.core import record as records
from selfrefine.core.names import CONTENTS
from selfrefine.data import image_folder

# Stage: the leaf of its config that names the folder; photographs, networks that others trained, answers.
FOLDERS = {
    "prepare_data": "folder",
    "train_base": "pretrained",
    "train_autoencoder": "folder",
    "evaluate_prompts": "clip_folder",
    "fetch_text_encoder": "folder",
    "evaluate_study": "answers",
}
SEVERAL = {"evaluate_human_marks": ("folder", "images", "real")}  # the same, of a stage that reads several
ALWAYS = ("prepare_data", *SEVERAL)  # stages whose config has CONTENTS, whatever is there


def folders_of(stage: str, config: dict[str, Any]) -> dict[str, Path]:
    """The folders of the user that a job reads, by their leaves."""
    leaves = SEVERAL.get(stage, (FOLDERS.get(stage, ""),))
    return {leaf: Path(config[leaf]) for leaf in leaves if config.get(leaf)}


def watched(stage: str, config: dict[str, Any], record: Path) -> dict[str, Any]:
    """The config of a job, with the digest of the folders of the user that it reads, if there are any, as CONTENTS.

    Nobody declares these files to Snakemake: the digest tells it of a change. Of folders that are not all there it is
    the one that the job's outputs were made from, if they were: results that are there can be used without them.

    Args:
        record: the config.json that the job writes.
    """
    folders = folders_of(stage, config)
    if not folders:
        return config
    if all(folder.is_dir() for folder in folders.values()):
        return config | {CONTENTS: _digest(stage, folders)}
    made = records.read(record)
    known = str(made[0].get(CONTENTS, "")) if made else ""
    return config | {CONTENTS: known} if known or stage in ALWAYS else config


def _digest(stage: str, folders: dict[str, Path]) -> str:
    if stage == "prepare_data":  # other files may lie beside photographs
        return image_folder.digest(*folders.values())
    if stage not in SEVERAL:
        return contents.digest(files.visible(*folders.values()))
    found = {leaf: files.visible(folder) for leaf, folder in folders.items()}
    return contents.digest({f"{leaf}/{name}": path for leaf, held in found.items() for name, path in held.items()})
