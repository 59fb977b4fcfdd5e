"""Lists the jobs of every stage for DVC, as Snakemake plans them: the first stage of dvc.yaml."""

import argparse
import contextlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selfrefine.commands import listed_jobs
from selfrefine.commands.listed_jobs import Listed
from selfrefine.core.errors import InputError, one_line
from selfrefine.core.names import STAGE_OF_FOLDER
from selfrefine.params import one_table

HELP = """
Needs: the project's folder; nothing in it has to have run.
Makes: results/list_jobs/<experiment>/<stage>.json: of each job the config, the digest of its code, inputs and outputs.
  DVC compares these lists with those of the last `dvc repro`, and asks only stages whose jobs or inputs differ.

Example:
  selfrefine list-jobs
"""
RULES = Path("workflow", "rules")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no options."""


def run(arguments: argparse.Namespace) -> None:
    """Writes the lists of the experiment that params.yaml names, in the project's folder.

    Raises:
        InputError: no project here, or one that Snakemake cannot plan.
    """
    if not RULES.is_dir():
        raise InputError(f"{RULES}: no such folder; say it in the project's own")
    experiment, found = _planned()
    listed_jobs.write(listed_jobs.FOLDER / experiment, found)


def _planned() -> tuple[str, dict[str, dict[str, Listed]]]:
    """The experiment, and by stage the jobs of all that `snakemake all` would make, done or not."""
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import DAGSettings, OutputSettings, ResourceSettings

    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile"))
        # No triggers: what is up to date is not asked here.
        dag = workflow.dag(DAGSettings(targets={"all"}, rerun_triggers=frozenset()))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                dag.printd3dag()  # of what only plans, the least
        except WorkflowError as error:
            raise InputError(f"Snakemake cannot plan it: {one_line(error)}; `snakemake -n all` says more") from error
        planned = workflow._workflow
        return str(planned.globals["config"]["experiment"]), _by_stage(planned.dag.jobs)


def _by_stage(jobs: Iterable[Any]) -> dict[str, dict[str, Listed]]:
    """Snakemake's jobs but for targets such as `all`, by stage and record; a stage that has none is there, too."""
    stages = {path.stem for path in RULES.glob("*.smk")} - {"common", one_table.STAGE}  # the latter is no part of `all`
    found: dict[str, dict[str, Listed]] = {stage: {} for stage in stages}
    for job in jobs:
        if hasattr(job.params, "code"):
            record = Path(job.output.config)
            config = listed_jobs.without_contents(json.loads(job.params.config))
            inputs, outputs = ([str(Path(file)) for file in paths] for paths in (job.input, job.output))
            stage = STAGE_OF_FOLDER.get(record.parts[1], record.parts[1])
            found[stage][str(record)] = Listed(config, job.params.code, inputs, outputs)
    return found
