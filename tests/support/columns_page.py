"""What results/README.md says of the files of a run."""

import re
from pathlib import Path

from tests.support.project import ROOT

PAGE = ROOT / "results" / "README.md"


def columns_of_files(text: str) -> dict[str, list[str]]:
    """Table, or stage and file -> its columns, in their order."""
    found = re.findall(r"^### `([^`]+)`\n\n.*\n\nColumns: (.*)$", text, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", columns) for name, columns in found}


def explained(text: str) -> list[str]:
    """The columns that the last section explains."""
    return re.findall(r"^\| `(\w+)` \| \S", text.partition("\n## Columns\n")[2], re.MULTILINE)


def name_of(path: Path, results: Path) -> str:
    """How the page calls a file below results/: a table by its name, else stage and name."""
    stage = path.relative_to(results).parts[0]
    return path.name if stage == "tables" else f"{stage}/{path.name}"
