"""The smoke experiment, run once with the user's own command; each test gets its own copy of the finished project."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.project import USERS_COMMAND, Project, checkout


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project after its first run. Read only: tests that change anything take `project`."""
    project = checkout(tmp_path_factory.mktemp("smoke") / "project")
    project.set("experiment", "smoke")
    project.run("git commit --quiet --all --message 'Choose the smoke experiment'")
    done = project.try_out(USERS_COMMAND)
    assert done.returncode == 0, done.stdout[-8000:]
    yield replace(project, first=done)
    project.remove()


@pytest.fixture
def project(smoke: Project, tmp_path: Path) -> Iterator[Project]:
    """A copy of the finished project for one test."""
    copy = smoke.copy(tmp_path / "project")
    yield copy
    copy.remove()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Project]:
    """The project as a newcomer has it: nothing run yet."""
    copy = checkout(tmp_path / "project")
    yield copy
    copy.remove()
