"""A study of a thousand jobs is planned in seconds (design, section 4)."""

import shutil
from pathlib import Path

import pytest

from selfrefine.params import job_config
from tests.support.job_list import ROOT, job_list, project_params
from tests.support.project import Project, children_seconds

JOBS, SECONDS = 1000, 20.0


def enough_seeds(experiment: str) -> list[int]:
    """As many seeds of an experiment as make JOBS jobs."""
    tree = project_params(experiment)
    seeds = [0]
    while len(job_list(job_config.merge(tree, {"select": {"seeds": seeds}}))) < JOBS:
        seeds.append(len(seeds))
    return seeds


@pytest.fixture
def study(tmp_path: Path) -> Project:
    """The workflow and the experiment small with that many seeds."""
    for name in ("experiments", "profiles", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Snakefile", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").symlink_to(ROOT / "src")
    project = Project(tmp_path)
    project.set("experiment", "small")
    project.set("select.seeds", enough_seeds("small"))
    return project


@pytest.mark.slow
def test_a_thousand_jobs_are_planned_in_seconds(study: Project, capsys: pytest.CaptureFixture[str]) -> None:
    began = children_seconds()
    planned = study.dry_run().total()
    seconds = children_seconds() - began
    with capsys.disabled():
        print(f"\n{planned} jobs planned in {seconds:.1f} s of a processor")
    assert planned >= JOBS
    assert seconds < SECONDS
