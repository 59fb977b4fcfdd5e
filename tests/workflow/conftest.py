"""The smoke experiment, run once with the user's own command; each test gets its own copy of the finished project."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.project import USERS_COMMAND, Project, checkout


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project after its first run, a worker's own copy. Read only: tests that change anything take `project`."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers
    told = shared / "smoke.txt"
    with FileLock(shared / "smoke.lock"):  # the first worker that needs it makes it
        made = Project(shared / "smoke")
        if not told.is_file():
            made.remove()
            checkout(made.root)
            made.set("experiment", "smoke")
            made.run("git commit --quiet --all --message 'Choose the smoke experiment'")
            told.write_text(made.run(USERS_COMMAND))
        copy = made.copy(tmp_path_factory.mktemp("smoke") / "project")
    yield replace(copy, first=told.read_text())
    copy.remove()


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
