"""Brings the outputs of one stage up to date for DVC: starts Snakemake only if a record is not what the list says."""

import argparse
import sys

from selfrefine.commands import listed_jobs
from selfrefine.core.errors import InputError

HELP = """
Needs: the list of the stage's jobs, from `selfrefine list-jobs`, and the outputs of the stages before it.
Makes: the outputs of the stage, by `snakemake all_<stage>`; where the records beside them say that they are what the
  list asks for, nothing, in half a second. dvc.yaml runs it for each stage.

Example:
  selfrefine update-stage make_tables
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("stage", help="its name: make_tables")


def run(arguments: argparse.Namespace) -> None:
    """Makes the outputs, in the project's folder.

    Raises:
        InputError: no such list, or outputs that do not follow from it even so.
    """
    stage = arguments.stage
    jobs = listed_jobs.read(stage)
    if listed_jobs.changed(stage, jobs) is None:
        print(f"{stage}: the records say that nothing is to be done")
        return
    _snakemake(f"all_{stage}")
    if path := listed_jobs.changed(stage, jobs):  # else DVC would record outputs of other params beside this list
        raise InputError(f"{path}: not of the listed job; params or code changed meanwhile: say `dvc repro` again")


def _snakemake(target: str) -> None:
    """Runs Snakemake in this process, which Ctrl-C then means; ends it with Snakemake's code if that is not 0."""
    from selfrefine.commands import snakemake  # only here: it takes most of a second

    sys.argv = ["snakemake", target, "--cores", "all", "--resources", "gpu=1"]
    try:
        snakemake.main()
    except SystemExit as end:
        if end.code:
            raise
