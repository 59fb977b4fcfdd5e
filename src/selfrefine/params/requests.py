"""What a job asks a cluster for: memory and time of its stage, with a margin, and more after each failure.

From the experiment's plan (`selfrefine plan --csv`), where it lies in its place; else from what an earlier run
measured; else as much as most jobs will do with. Imports only the standard library: the Snakefile uses it.
"""

import csv
import functools
import math
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.params import measured_jobs

PLAN = "results/plan/{experiment}.csv"  # where `selfrefine plan --csv` puts it for this
COLUMNS = ("stage", "process_bytes", "network_bytes", "longest_seconds")  # that are read of it
UNKNOWN_MIB = 16_000  # of a stage that nothing is known of
DAY = 1440  # minutes that such a stage asks for, and that a new attempt does not go beyond: many clusters allow no more
BESIDE_MIB = 2000  # Snakemake on the node, and CUDA in the memory of a process
BESIDE_MINUTES = 120  # what a plan does not count: downloads, photographs that are decoded, work on processors
TIMES = 2  # a plan's rate is an assumption, and what was measured is a mean


def mib(experiment: str, stage: str, attempt: int, root: Path = Path()) -> int:
    """MiB that a job of the stage asks for at an attempt, 1 the first."""
    if line := planned(experiment, root).get(stage):
        held = sum(float(line[name]) for name in ("process_bytes", "network_bytes"))  # on a CPU both are in its memory
        return (round(measured_jobs.MARGIN * held / 2**20) + BESIDE_MIB) * attempt
    if stage in measured_jobs.seconds(experiment, root):
        return (measured_jobs.mib(stage, root) + BESIDE_MIB) * attempt
    return UNKNOWN_MIB * attempt


def mib_here(experiment: str, stage: str, root: Path = Path()) -> int:
    """MiB that a job of the stage takes beside others on one machine: by the plan, else as was measured."""
    known = stage in planned(experiment, root)
    return mib(experiment, stage, 1, root) if known else measured_jobs.mib(stage, root)


def minutes(experiment: str, stage: str, attempt: int, root: Path = Path()) -> int:
    """Minutes that a job of the stage asks for at an attempt, 1 the first."""
    line = planned(experiment, root).get(stage)
    seconds = float(line["longest_seconds"]) if line else measured_jobs.seconds(experiment, root).get(stage)
    first = DAY if seconds is None else math.ceil(TIMES * seconds / 60) + BESIDE_MINUTES
    return max(first, min(first * attempt, DAY))


@functools.cache
def planned(experiment: str, root: Path = Path()) -> dict[str, dict[str, str]]:
    """Stage -> its line of the experiment's plan; none where there is no plan.

    Raises:
        InputError: the file is no plan.
    """
    name = PLAN.format(experiment=experiment)
    if not (root / name).is_file():
        return {}
    lines = list(csv.DictReader(files.read_bytes(root / name).decode(errors="replace").splitlines()))
    try:
        for line in lines:
            if not all(math.isfinite(float(line[column])) for column in COLUMNS[1:]):
                raise ValueError
        return {line["stage"]: line for line in lines}
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{name}: not a plan with the columns {', '.join(COLUMNS)}; write it anew: "
            f"selfrefine plan --experiment {experiment} --csv {name}"
        ) from None
