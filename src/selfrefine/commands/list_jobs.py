"""Lists the jobs of every stage for DVC, as Snakemake plans them: the first stage of dvc.yaml."""

import argparse

from selfrefine.commands import listed_jobs, snakemake_plan
from selfrefine.commands.listed_jobs import Listed
from selfrefine.params import one_table

HELP = """
Needs: the project's folder; nothing in it has to have run.
Makes: results/list_jobs/<experiment>/<stage>.json: of each job the config, the digest of its code, inputs and outputs.
  DVC compares these lists with those of the last `dvc repro`, and asks only stages whose jobs or inputs differ.

Example:
  selfrefine list-jobs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options."""


def run(arguments: argparse.Namespace) -> None:
    """Writes the lists of the experiment that params.yaml names, in the project's folder.

    Raises:
        InputError: no project here, or one that Snakemake cannot plan.
    """
    experiment, jobs = snakemake_plan.plan()
    stages = {path.stem for path in snakemake_plan.RULES.glob("*.smk")}
    stages -= {"common", one_table.STAGE}  # the latter is no part of `all`
    found: dict[str, dict[str, Listed]] = {stage: {} for stage in stages}  # a stage that has no jobs is there, too
    for record, job in jobs.items():
        found[job.stage][record] = job.listed
    listed_jobs.write(listed_jobs.FOLDER / experiment, found)
