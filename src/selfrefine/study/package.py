"""A study as one zip: for any host of files, which takes its folder, and for JATOS, which imports it as it is."""

import json
import re
import uuid
import zipfile
from pathlib import Path

from selfrefine.core import files
from selfrefine.study import folder as study_folder

WORKERS = ("PersonalSingle", "PersonalMultiple", "GeneralSingle", "GeneralMultiple")
EPOCH = (2000, 1, 1, 0, 0, 0)  # of every file in the zip: equal studies are equal bytes


def write(path: Path, study: Path) -> None:
    """Writes the zip of a study: what participants may see, and what JATOS needs to know of it.

    The file `.jas` is as JATOS documents its study archives (jatos.org, JATOS-Study-Archive-JZIP).

    Args:
        path: of the zip; replaced if it is there.
        study: folder of the study.

    Raises:
        InputError: no folder of a study.
    """
    told = study_folder.read_public(study)
    name = f"{re.sub('[^a-z0-9]+', '-', told['title'].lower()).strip('-')[:40] or 'study'}-{told['study']}"
    content = {f"{name}/{file}": files.read_bytes(found) for file, found in files.visible(study / "public").items()}
    content[f"{name}.jas"] = json.dumps(_jas(name, told["title"], told["study"]), indent=2).encode()
    with files.atomic_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in content.items():
            entry = zipfile.ZipInfo(file, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


def _jas(name: str, title: str, study: str) -> dict[str, object]:
    """What JATOS needs to know of a study with one page, which may be loaded again."""
    ids = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"{study}/{part}")) for part in ("study", "component", "batch")]
    component = {"uuid": ids[1], "title": title, "htmlFilePath": "index.html", "reloadable": True, "active": True}
    batch = {"uuid": ids[2], "title": "Default", "active": True, "allowedWorkerTypes": WORKERS}
    told = {"uuid": ids[0], "title": title, "description": "", "dirName": name, "groupStudy": False}
    return {"version": "3", "data": told | {"componentList": [component], "batchList": [batch]}}
