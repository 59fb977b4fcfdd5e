"""Keeps finished seeds of a study in git, makes its tables of them again, and says what they have found."""

import argparse
from pathlib import Path

from selfrefine.commands import keep_seeds, snakemake_plan
from selfrefine.core.errors import InputError
from selfrefine.params import experiment as experiments

HELP = """
Needs: the project's folder. keep: seeds that have run to their end, in a clean working tree. tables, findings: kept
  seeds; neither data nor networks.
Makes: keep: evidence/<experiment>/seed<k>/ of each finished seed, the small files that its tables are made of, with
  commit, versions, times and SHA-256, to be committed. tables: every table and its figures of all kept seeds, in a
  folder. findings: docs/findings.md, what holds, what does not and what cannot be told, with its figures and the kept
  seeds of planted and sweep beside it; in short in README.md.

Example, after a seed has run:
  selfrefine evidence keep --experiment small
  selfrefine evidence tables --experiment small --out tables_of_small
"""
ACTIONS = ("keep", "tables", "findings")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("action", choices=ACTIONS, help="keep, tables or findings")
    parser.add_argument("--experiment", default="small", help="a file of experiments/; default: small")
    parser.add_argument("--out", type=Path, help="of tables: the folder that they are written to")
    parser.add_argument(
        "--dirty", action="store_true", help="of keep: also with changes that no commit has, which is kept, too"
    )


def run(arguments: argparse.Namespace) -> None:
    """Does what was asked, in the project's folder.

    Raises:
        InputError: an option of another action, or what the action itself refuses.
    """
    action = arguments.action
    if (arguments.out is not None) != (action == "tables"):
        needed = "is needed by tables" if action == "tables" else "belongs to tables"
        raise InputError(f"--out {needed}: selfrefine evidence tables --out FOLDER")
    if arguments.dirty and action != "keep":
        raise InputError("--dirty belongs to keep: selfrefine evidence keep --dirty")
    if action == "keep":
        keep(arguments.experiment, dirty=arguments.dirty)
    elif action == "tables":
        from selfrefine.commands import kept_tables  # only here, as below: torch alone takes two seconds

        print("\n".join(kept_tables.make(arguments.experiment, arguments.out)))
    else:
        from selfrefine.commands import findings

        print(f"{findings.write(arguments.experiment)}: written")


def keep(experiment: str, *, dirty: bool) -> None:
    """Keeps each finished seed that is not kept yet, and says of the others why not."""
    commit = keep_seeds.commit(dirty=dirty)
    params, _ = experiments.read_params(Path(), experiment)
    _, jobs = snakemake_plan.plan(experiment)
    kept = keep_seeds.seeds(experiment)
    for seed in map(str, keep_seeds.tables_job(jobs).listed.config["select"]["seeds"]):
        if seed in kept:
            print(f"seed {seed}: kept already, in {keep_seeds.folder_of(experiment, seed)}")
        elif why_not := keep_seeds.unfinished(keep_seeds.behind(jobs, seed), params):
            print(f"seed {seed}: not kept: {why_not}")
        else:
            print(f"seed {seed}: kept, in {keep_seeds.keep(experiment, seed, jobs, commit)}; commit it")
