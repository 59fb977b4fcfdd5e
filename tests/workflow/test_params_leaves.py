"""One changed leaf of the params changes exactly the jobs of the stages that read it."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from selfrefine import config
from tests.workflow.job_list import STAGES, Planned, job_list, project_params

EMBEDDED = project_params("embedded")
# Every row has a twin that is not selected, so that a changed name still names a row; one sampling runs.
PARAMS = config.merge(
    EMBEDDED,
    {row: {f"{name}x": EMBEDDED[row][name] for name in EMBEDDED[row]} for row in config.ROWS}
    | {"select": {"samplings": ["reverse_kept"]}},
)


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all leaves."""
    if not isinstance(tree, Mapping):
        yield path
        return
    for key, below in tree.items():
        yield from leaves(below, (*path, key))


def flipped(tree: Any, path: tuple[str, ...]) -> Any:
    """The params with another value at `path`, of the same type."""
    if path:
        return {**tree, path[0]: flipped(tree[path[0]], path[1:])}
    if isinstance(tree, list):
        return [*tree, flipped(tree[0], ())] if tree else [["a", "b"]]
    return (not tree) if isinstance(tree, bool) else tree + 1 if isinstance(tree, int | float) else f"{tree}x"


def texts(tree: Mapping[str, Any]) -> dict[Planned, str]:
    """The config of every job, as Snakemake compares it."""
    return {job: config.to_json(config.job(tree, job.stage, dict(job.names))) for job in job_list(tree)}


def is_read(path: tuple[str, ...], job: Planned) -> bool:
    """Whether the design says that the job reads the leaf."""
    if path[0] == "shared":
        return job.stage in config.SHARED[path[1]]
    if path[0] == "select":
        return job.stage in config.READERS_OF_ROWS or selection_is_read(path[1], job)
    if path[0] in config.ROWS:
        return row_is_read(path, job)
    told = path in (("train_base", "steps"), ("train_refined", "steps"), ("generate_samples", "correction"))
    return (
        job.stage == path[0]
        or (told and job.stage in config.READERS_OF_ROWS)
        or (path == ("experiment",) and job.stage in config.READERS_OF_ROWS)
    )


def selection_is_read(section: str, job: Planned) -> bool:
    """Whether a job lists what is selected of a section."""
    return job.stage in config.READERS.get(section, ())


def row_is_read(path: tuple[str, ...], job: Planned) -> bool:
    """Whether a job reads a leaf of a row."""
    section, name, key = path[:3]
    selected = name in PARAMS["select"].get(section, [])
    if key == "only":
        listed = selection_is_read(path[3], job) and ("dataset", name) in job.names
        return listed or (selected and job.stage in config.READERS_OF_ROWS)
    if len(path) == 3:  # titles, and words
        return selected and job.stage in config.READERS_OF_ROWS
    told = path[2:] in (("train_base", "steps"), ("train_refined", "steps"), ("generate_samples", "correction"))
    of_row = (config.ROWS[section], name) in job.names
    return (of_row and job.stage == key) or (told and selected and job.stage in config.READERS_OF_ROWS)


def test_there_are_many_leaves_and_jobs():
    assert len(list(leaves(PARAMS))) > 60
    assert {job.stage for job in job_list(PARAMS)} == set(STAGES)


@pytest.mark.parametrize("path", list(leaves(PARAMS)), ids=".".join)
def test_one_changed_leaf_changes_exactly_the_jobs_that_read_it(path: tuple[str, ...]) -> None:
    before, after = texts(PARAMS), texts(flipped(PARAMS, path))
    changed = {job for job in before.keys() & after.keys() if before[job] != after[job]}
    assert changed == {job for job in before.keys() & after.keys() if is_read(path, job)}
    row = path[0] in config.ROWS
    unselected = row and (path[1].endswith("x") or path[1] not in PARAMS["select"].get(path[0], PARAMS[path[0]]))
    assert changed or before.keys() != after.keys() or unselected


def test_a_further_seed_adds_its_jobs_and_leaves_those_of_others_alone() -> None:
    before = texts(PARAMS)
    after = texts(config.merge(PARAMS, {"select": {"seeds": [0, 1]}}))
    assert {dict(job.names)["seed"] for job in after.keys() - before.keys()} == {"1"}
    assert {job.stage for job in before if after[job] != before[job]} == set(config.READERS_OF_ROWS)


def test_a_row_is_read_by_its_own_jobs_only() -> None:
    """Of two models, the leaf of one changes the jobs of that one."""
    two = config.merge(PARAMS, {"models": {"other": PARAMS["models"]["ddpm"]}, "select": {"models": ["ddpm", "other"]}})
    before, after = texts(two), texts(flipped(two, ("models", "other", "train_base", "network", "dropout")))
    changed = [job for job in before if before[job] != after[job]]
    assert [(job.stage, dict(job.names)["model"]) for job in changed] == [("train_base", "other")]


@pytest.mark.parametrize("experiment", ["embedded", "smoke"])
def test_every_field_of_a_stages_config_is_given_and_every_leaf_is_a_field(experiment: str) -> None:
    tree = project_params(experiment)
    for job, text in texts(tree).items():
        stage = importlib.import_module(f"selfrefine.stages.{job.stage}")
        built = config.from_json(stage.Config, text)
        assert config.to_json(built) == text or "." in text  # 1 may have become 1.0
