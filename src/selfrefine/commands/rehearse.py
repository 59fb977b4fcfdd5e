"""The paper's scale without its steps: every network, size and file of experiments/paper.yaml, in a few steps each."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine.commands import plan
from selfrefine.commands.arguments import number
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.names import ROOMS
from selfrefine.cost import plan_table, rehearsal, rehearsal_page
from selfrefine.params import check, experiment

HELP = """
Needs: the project's folder, and the disk that it names before it starts; no network. With a GPU and --fraction 1 a day
  or two; on two processors --fraction 0.01 takes a night. The same command goes on where it was stopped.
Makes: a project of its own in --folder, with photographs that show nothing, random weights and every stage of the
  experiment `paper` in two steps, and in it rehearsal.csv: what each stage took, beside what was planned. No number
  of its tables means anything.

Example:
  selfrefine rehearse --fraction 0.01
  selfrefine rehearse --fraction 0.01 --models uvit ldm
"""
TABLE = "rehearsal.csv"
SELECTED = ("datasets", "models", "variants")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--fraction",
        type=number(float, lambda part: 0 < part <= 1, "numbers above 0, at most 1"),
        default=1.0,
        help="of all numbers of images; default: 1",
    )
    parser.add_argument("--folder", type=Path, default=Path("scratch", "rehearsal"), help="default: scratch/rehearsal")
    for section in SELECTED:
        parser.add_argument(f"--{section}", nargs="+", help=f"instead of the paper's: {section} that run")
    parser.add_argument(
        "--config", nargs="+", default=[], help="leaves that are laid over all, as Snakemake's --config"
    )
    plan.add_rate(parser)
    parser.add_argument("--prepare-only", action="store_true", help="make the folder, and run nothing in it")


def run(arguments: argparse.Namespace) -> None:
    """Prepares the rehearsal, runs it and tells what it took.

    Raises:
        InputError: a selection or leaves that do not fit, too little disk, or a job that failed.
    """
    select = {section: rows for section in SELECTED if (rows := getattr(arguments, section))}
    asked = rehearsal.Asked(arguments.fraction, select, experiment.given_words(arguments.config))
    root, place = Path(), arguments.folder
    values = rehearsal.params(root, asked)
    given = [("--config", asked.over), ("--datasets, --models or --variants", {"select": select})]
    if wrong := check.check(values, root, given, folders=False):
        raise InputError(wrong)
    rehearsal.photographs(values, asked.fraction)  # or an error, before anything is planned
    planned = plan.plan(root, values, arguments.tflops, plan.SECONDS)
    _tell_disk(place, rehearsal.disk(planned, values, asked.fraction))
    for line in rehearsal.prepare(root, place, values, asked.fraction):
        print(line, flush=True)
    if wrong := check.check(values, place):
        raise InputError(wrong)
    if arguments.prepare_only:
        return
    _run(["snakemake", "--cores", str(values["shared"]["threads"]), "--resources", "gpu=1", "all"], place)
    table = pd.concat([rehearsal.measured(place), pd.DataFrame([_versioned(place)])], ignore_index=True)
    found = rehearsal_page.beside(table, planned)
    files.write_table(place / TABLE, found)
    print(rehearsal_page.text(found))


def _tell_disk(place: Path, needed: int) -> None:
    """Says what the disk must hold; an InputError if it has too little room beside what is there already."""
    there = next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(there).free + (rehearsal.size(place) if place.is_dir() else 0)
    print(
        f"It takes {plan_table.size(needed)} of the disk in {place}; {plan_table.size(free)} are free for it.",
        flush=True,
    )
    if needed > free:
        raise InputError("too little disk: free some, name another --folder, or lower --fraction")


def _versioned(place: Path) -> dict[str, Any]:
    """What DVC takes to hash and keep all that the stages wrote: a line as of `rehearsal.measured`."""
    if not (place / ".dvc").exists():
        _run(["dvc", "init", "--quiet", "--no-scm"], place)
        _run(["dvc", "config", "--quiet", "cache.type", "reflink,hardlink,copy"], place)
    began = time.monotonic()
    peak = _run(["dvc", "add", "--quiet", *ROOMS], place)
    kept = [path.stat().st_size for path in (place / ".dvc" / "cache").rglob("*") if path.is_file()]
    line = {"stage": "dvc add", "jobs": 1, "seconds": time.monotonic() - began, "peak_mib": peak / 2**20}
    return line | {"files": len(kept), "disk_bytes": sum(kept)}


def _run(words: list[str], place: Path) -> int:
    """Runs a program of this environment in the rehearsal's folder; returns the most that it held, in bytes."""
    programs = Path(sys.executable).parent
    search = os.pathsep.join([str(programs), os.environ.get("PATH", "")])
    process = subprocess.Popen(words, cwd=place, env=os.environ | {"PATH": search})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(
            f"`{words[0]}` ended with {process.returncode} in {place}; the same command goes on from there"
        )
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
