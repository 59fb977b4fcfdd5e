"""The params inside the package are the project's own, and DVC does not take them for code."""

import subprocess
import sys
from pathlib import Path

import pytest

from selfrefine.params import packaged
from selfrefine.params.experiment import laid_over

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["paper", "smoke"])
def test_they_are_those_of_the_project(name):
    assert packaged.of_experiment(name) == laid_over(ROOT, [("", {"experiment": name})])


def test_a_changed_param_changes_no_code_for_dvc():
    """The lists of jobs in dvc.yaml depend on the whole of src/selfrefine."""
    links = list(packaged.PROJECT.rglob("*.yaml"))
    assert len(links) == 3
    command = [sys.executable, "-m", "dvc", "check-ignore", *map(str, links)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == len(links)
