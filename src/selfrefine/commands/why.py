"""Placeholder of the command `why`, until its own module is merged in the place of this one."""

import argparse
from pathlib import Path

from selfrefine.core.errors import InputError

HELP = """
Needs: an output of a run.
Makes: a line for each module, param or input that changed since the output was made.

Example, after `make all`:
  selfrefine why results/tables/embedded/table2.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The output."""
    parser.add_argument("output", type=Path, help="a file that a run made")


def run(_arguments: argparse.Namespace) -> None:
    """Says that it is not there yet."""
    raise InputError("not there yet")
