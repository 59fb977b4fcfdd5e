"""A study of a thousand jobs is planned in seconds (design, section 10; issue of cost and speed)."""

import time

import pytest

from selfrefine import config
from tests.workflow.job_list import ROOT, job_list, project_params
from tests.workflow.project import Project, jobs

JOBS, SECONDS = 1000, 20.0


def enough_seeds(experiment: str) -> list[int]:
    """As many seeds of an experiment as make JOBS jobs."""
    tree = project_params(experiment)
    seeds = [0]
    while len(job_list(config.merge(tree, {"select": {"seeds": seeds}}))) < JOBS:
        seeds.append(len(seeds))
    return seeds


@pytest.mark.slow
def test_a_thousand_jobs_are_planned_in_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    seeds = enough_seeds("small")
    selection = f"experiment=small 'select={{seeds: {seeds}}}'"
    began = time.monotonic()
    told = Project(ROOT).run(f"snakemake --dry-run --forceall all --config {selection}")
    seconds = time.monotonic() - began
    planned = jobs(told).total()
    with capsys.disabled():
        print(f"\n{planned} jobs planned in {seconds:.1f} s")
    assert planned >= JOBS
    assert seconds < SECONDS
