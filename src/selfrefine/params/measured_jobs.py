"""What jobs took in the run behind the README, by stage: memory, for those side by side, and time.

Imports only the standard library: the Snakefile uses it.
"""

import csv
import functools
from pathlib import Path

from selfrefine.core import files

FILE = Path("workflow", "resources", "measured_jobs.csv")  # written by `make readme`
COLUMNS = ["experiment", "stage", "mib", "seconds"]  # greatest resident memory of a job, mean time of a job
MARGIN = 1.25
UNKNOWN = 1500  # MiB, of a stage that was not measured


@functools.cache
def lines(root: Path = Path()) -> list[dict[str, str]]:
    """A line for each stage, with COLUMNS; no line where there is no file."""
    path = root / FILE
    return list(csv.DictReader(files.read_bytes(path).decode().splitlines())) if path.is_file() else []


def mib(stage: str, root: Path = Path()) -> int:
    """MiB that a job of the stage may take: the measured peak with a margin."""
    peaks = {line["stage"]: int(line["mib"]) for line in lines(root)}
    return round(MARGIN * peaks.get(stage, UNKNOWN))


def seconds(experiment: str, root: Path = Path()) -> dict[str, float]:
    """Stage -> the mean time of its jobs; of no stage where another experiment was measured."""
    return {line["stage"]: float(line["seconds"]) for line in lines(root) if line["experiment"] == experiment}
