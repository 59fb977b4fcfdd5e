"""Snakemake's command under its own name, so that `snakemake --cores 1 --resources gpu=1 all` works as it stands.

In stock Snakemake 9 the options --resources and --config take every word up to the next option, so a target behind
them is read as a resource. Here words without `=` behind these options move to the front; all else is untouched.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Options whose values are all of the form NAME=VALUE, under every name that Snakemake gives them.
ASSIGNING = frozenset({"--resources", "--res", "--config", "-C"})


def targets_first(arguments: Sequence[str]) -> list[str]:
    """Moves targets that stand behind --resources or --config to the front.

    Args:
        arguments: the words behind the command's name.

    Returns:
        the same words: first those without `=` between such an option and the next one, then all others in their order.
    """
    targets: list[str] = []
    rest: list[str] = []
    assigning = False
    for word in arguments:
        if word.startswith("-"):
            assigning = word in ASSIGNING
        moved = assigning and not word.startswith("-") and "=" not in word
        (targets if moved else rest).append(word)
    return targets + rest


def main() -> None:
    """Runs Snakemake with this environment's programs first in PATH: rules find its Python without activation."""
    from snakemake.cli import main as snakemake

    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    sys.argv[1:] = targets_first(sys.argv[1:])
    snakemake()
