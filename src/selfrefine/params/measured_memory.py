"""The memory that jobs take side by side, by stage: what the logs of the README's run say, with a margin.

Imports only the standard library: the Snakefile uses it.
"""

import csv
import functools
from pathlib import Path

from selfrefine.core import files

FILE = Path("workflow", "resources", "peak_memory.csv")  # written by `make readme`
MARGIN = 1.25
UNKNOWN = 1500  # MiB, of a stage that was not measured


@functools.cache
def peaks(root: Path = Path()) -> dict[str, int]:
    """Greatest resident memory of a job of each stage, in MiB."""
    lines = files.read_bytes(root / FILE).decode().splitlines()
    return {line["stage"]: int(line["mib"]) for line in csv.DictReader(lines)}


def mib(stage: str, root: Path = Path()) -> int:
    """MiB that a job of the stage may take."""
    return round(MARGIN * peaks(root).get(stage, UNKNOWN))
