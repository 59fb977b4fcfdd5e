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


def folder_of(stage: str, config: dict[str, Any]) -> Path | None:
    """The folder of the user that a job reads; None if it reads none."""
    named = config.get(FOLDERS.get(stage, ""))
    return Path(named) if named else None


def watched(stage: str, config: dict[str, Any], record: Path) -> dict[str, Any]:
    """The config of a job, with the digest of the folder of the user that it reads, if there is one, as CONTENTS.

    Nobody declares these files to Snakemake: the digest tells it of a change. Of a folder that is not there it is the
    one that the job's outputs were made from, if they were: results that are there can be used without it.

    Args:
        record: the config.json that the job writes.
    """
    folder = folder_of(stage, config)
    if folder is None:
        return config
    if folder.is_dir():
        photographs = stage == "prepare_data"
        found = image_folder.digest(folder) if photographs else contents.digest(files.visible(folder))
        return config | {CONTENTS: found}
    made = records.read(record)
    known = str(made[0].get(CONTENTS, "")) if made else ""
    return config | {CONTENTS: known} if known or stage == "prepare_data" else config
