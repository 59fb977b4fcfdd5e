"""The jobs of an experiment as Snakemake plans them, done or not: what each follows from, makes and waits for."""

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine.commands import listed_jobs
from selfrefine.commands.listed_jobs import Listed
from selfrefine.core.errors import InputError, one_line
from selfrefine.core.names import STAGE_OF_FOLDER

RULES = Path("workflow", "rules")
Named = Mapping[str, list[str]]  # name of a rule's input or output -> its paths, in order


class Planned(NamedTuple):
    """A job.

    Args:
        stage: its name.
        names: its wildcards but for the experiment.
        listed: what its record answers to.
        inputs: its inputs by name.
        outputs: likewise.
        needs: the records of the jobs that make its inputs.
        benchmark: where its seconds stand.
    """

    stage: str
    names: dict[str, str]
    listed: Listed
    inputs: Named
    outputs: Named
    needs: list[str]
    benchmark: str


def plan(experiment: str | None = None) -> tuple[str, dict[str, Planned]]:
    """The experiment, and the jobs of all that `snakemake all` would make, by their records; in the project's folder.

    Args:
        experiment: its name; None for the one that params.yaml names.

    Raises:
        InputError: no project here, or one that Snakemake cannot plan.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

    if not RULES.is_dir():
        raise InputError(f"{RULES}: no such folder; say it in the project's own")
    given = ConfigSettings(config_args=[f"experiment={experiment}"] if experiment else None)
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(ResourceSettings(cores=1), config_settings=given, snakefile=Path("Snakefile"))
        # No triggers: what is up to date is not asked here.
        dag = workflow.dag(DAGSettings(targets={"all"}, rerun_triggers=frozenset()))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                dag.printd3dag()  # of what only plans, the least
        except WorkflowError as error:
            raise InputError(f"Snakemake cannot plan it: {one_line(error)}; `snakemake -n all` says more") from error
        planned = workflow._workflow
        jobs = {job: str(Path(job.output.config)) for job in planned.dag.jobs if hasattr(job.params, "code")}
        found = {record: _planned(job, record, jobs, planned.dag) for job, record in jobs.items()}
        return str(planned.globals["config"]["experiment"]), found


def _planned(job: Any, record: str, records: Mapping[Any, str], dag: Any) -> Planned:
    """A job of Snakemake's, of which targets such as `all` are none."""
    config = listed_jobs.without_contents(json.loads(job.params.config))
    inputs, outputs = ([str(Path(file)) for file in paths] for paths in (job.input, job.output))
    folder = Path(record).parts[1]
    names = {name: str(value) for name, value in job.wildcards.items() if name != "experiment"}
    makers = (records[maker] for maker in dag.dependencies[job] if maker in records)
    return Planned(
        stage=STAGE_OF_FOLDER.get(folder, folder),
        names=names,
        listed=Listed(config, job.params.code, inputs, outputs),
        inputs=_named(job.input),
        outputs=_named(job.output),
        needs=sorted(makers),
        benchmark=str(job.benchmark or ""),
    )


def _named(paths: Any) -> dict[str, list[str]]:
    """Snakemake's named files, each as a list."""
    return {
        name: [str(Path(file)) for file in ([value] if isinstance(value, str) else value)]
        for name, value in paths.items()
    }
