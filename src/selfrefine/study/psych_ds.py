"""The data of a study as a Psych-DS folder, which other laboratories and their programs can read.

As the standard has it (psych-ds.github.io): `dataset_description.json` is JSON-LD whose `variableMeasured` names each
column, tables are `data/<keyword>-<value>_data.csv`, and the raw files lie in `data/raw`.
"""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.study import answers
from selfrefine.study import folder as study_folder
from selfrefine.study.records import Record

# Columns, what they are called in full, and what they hold.
VARIABLES = {
    "participant": "random number of the participant, 32 hexadecimal digits",
    "trial": "id of the image, as in images/",
    "kind": "generated, repeat (of a generated one), catch (with a planted flaw) or real (a photograph)",
    "row": "row of the image in the array that it was taken from, from 0",
    "repeats": "of a repeat: the trial that it repeats",
    "position": "place in the participant's own order, from 1",
    "cell_1": "lowest of the three cells that were picked; row by row from 0",
    "cell_2": "second of the three cells",
    "cell_3": "highest of the three cells",
    "milliseconds": "from the image's appearance to the confirmation",
    "input": "what the last cell was picked with: mouse, touch or keyboard",
    "consent": "SHA-256 of the text of consent.html that the participant agreed to",
    "ended": "whether the participant came to the end",
    "comment": "what the participant wrote at the end, if anything",
}


def export(folder: Path, study: Path, taken: Path) -> int:
    """Writes the folder, whole or not at all.

    Args:
        folder: to be made; it must not be there.
        study: folder of the study.
        taken: folder of its answers.

    Returns:
        how many participants it holds.

    Raises:
        InputError: a folder that is there, no study, or no answers of it.
    """
    if folder.exists():
        raise InputError(f"{folder}: is there already; name a folder that is not")
    key = study_folder.read_key(study)
    told = study_folder.read_public(study)
    people = list(answers.of_study(taken, key.study))
    tables = {"answers": _answers(people, key), "participants": _participants(people)}
    with files.atomic_folder(folder) as made:
        for name, table in tables.items():
            files.write_table(made / "data" / f"study-{key.study}_table-{name}_data.csv", table)
        for path, _ in people:
            files.write_bytes(made / "data" / "raw" / path.name, files.read_bytes(path))
        shutil.copytree(study / "public" / "images", made / "images")
        shutil.copy(study / "public" / "consent.html", made / "consent.html")
        files.write_json(made / "dataset_description.json", _description(told["title"], len(people), tables))
    return len(people)


def _answers(people: list[tuple[Path, list[Record]]], key: study_folder.Key) -> pd.DataFrame:
    rows = [
        record | vars(key.trials[record["trial"]]) | {f"cell_{n}": c for n, c in enumerate(sorted(record["cells"]), 1)}
        for _, found in people
        for record in found
        if record["kind"] == "answer"
    ]
    return pd.DataFrame(rows, columns=list(VARIABLES)[:11]).sort_values(["participant", "position"])


def _participants(people: list[tuple[Path, list[Record]]]) -> pd.DataFrame:
    rows = []
    for path, found in people:
        kinds = {record["kind"]: record for record in found}
        rows.append(
            {
                "participant": path.stem,
                "consent": kinds["start"]["consent"],
                "ended": "end" in kinds,
                "comment": kinds.get("comment", {}).get("text"),
            }
        )
    return pd.DataFrame(rows, columns=["participant", *list(VARIABLES)[11:]])


def _description(title: str, participants: int, tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    columns = dict.fromkeys(column for table in tables.values() for column in table.columns)
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": title,
        "description": f"Cells of a grid that {participants} participants picked as least natural in each image.",
        "variableMeasured": [
            {"@type": "PropertyValue", "name": column, "description": VARIABLES[column]} for column in columns
        ],
    }
