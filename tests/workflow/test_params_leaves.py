"""One changed leaf of the params changes exactly the jobs of the stages that read it."""

import functools
import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from selfrefine.core import config_json
from selfrefine.core.job import stage_config
from selfrefine.cost.planned_jobs import Planned
from selfrefine.params import job_config
from tests.support.job_list import STAGES, job_list, project_params

EMBEDDED = project_params("embedded")
# Every row has a twin that is not selected, so that a changed name still names a row; one seed runs.
PARAMS = job_config.merge(
    EMBEDDED,
    {row: {f"{name}x": EMBEDDED[row][name] for name in EMBEDDED[row]} for row in job_config.ROWS}
    | {"select": {"samplings": ["reverse_kept", "baseline_best_noise"], "seeds": [0], "human_marks": ["my_marks"]}},
)
# Rows of marks of people have the same leaves: one and its twin stand for all.
PARAMS["human_marks"] = {name: row for name, row in PARAMS["human_marks"].items() if name.startswith("my_marks")}
ONLY = {  # has a test of its own
    name: row.pop("only") for rows in ("datasets", "models") for name, row in PARAMS[rows].items() if "only" in row
}


def is_twin(path: tuple[str, ...]) -> bool:
    """Whether a leaf is of a twin, which no job reads."""
    return path[0] in job_config.ROWS and path[1].endswith("x")


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
    """The config of every job, as Snakemake compares it; words on rows, which many jobs read, are found once."""
    rows = functools.cache(functools.partial(job_config._rows, tree))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_config, "_rows", lambda params: rows())
        return {job: config_json.to_json(job_config.job(tree, job.stage, dict(job.names))) for job in job_list(tree)}


@functools.cache
def unchanged() -> dict[Planned, str]:
    """The config of every job."""
    return texts(PARAMS)


def is_read(path: tuple[str, ...], job: Planned) -> bool:
    """Whether the design says that the job reads the leaf."""
    of_rows = job.stage in job_config.READERS_OF_ROWS
    if path[0] == "shared":
        return job.stage in job_config.SHARED[path[1]]
    if path == ("select", "human_marks"):
        return False  # it only adds jobs
    if path == ("experiment",) or path[0] == "select":
        return of_rows or (path[0] == "select" and selection_is_read(path[1], job))
    if path[0] in job_config.ROWS:
        return row_is_read(path, job)
    owner, borrowers = job_config.BORROWED.get(path[-1], ("", ()))
    reads = job.stage == path[0] or (path[0] == owner and job.stage in borrowers)
    return (reads and not is_overridden(path, job)) or (of_rows and path in TOLD and not sets_no_row(path))


TOLD = (  # in words of tables and figures
    *(("prepare_data", "size"), ("train_base", "steps"), ("train_refined", "steps")),
    ("generate_samples", "correction"),
    # of the cost of each row
    *(
        ("train_refined", "extra_steps"),
        *(("generate_samples", name) for name in ("steps", "guidance_scale", "guide_scale", "discriminator_scale")),
    ),
)
OWN_SCALE = ("generate_samples", "eps_scale")  # told of the rows that set one


def sets_no_row(path: tuple[str, ...]) -> bool:
    """Whether every selected row of samplings, which the tables tell this leaf of, holds a value of its own."""
    rows = [PARAMS["samplings"][name] for name in PARAMS["select"]["samplings"]]
    return path[0] == "generate_samples" and all(path in list(leaves(row)) for row in rows)


def is_overridden(path: tuple[str, ...], job: Planned) -> bool:
    """Whether a row of the job holds the leaf of a stage's section."""
    names = dict(job.names)
    rows = [PARAMS[section].get(names.get(wildcard), {}) for section, wildcard in job_config.ROWS.items()]
    return any(path in list(leaves(row)) for row in rows)


def is_overridden_later(path: tuple[str, ...], job: Planned) -> bool:
    """Whether a later row of the job holds the leaf of a row."""
    names, sections = dict(job.names), list(job_config.ROWS)
    later = sections[sections.index(path[0]) + 1 :]
    rows = [PARAMS[section].get(names.get(job_config.ROWS[section]), {}) for section in later]
    return any(path[2:] in list(leaves(row)) for row in rows)


def selection_is_read(section: str, job: Planned) -> bool:
    """Whether a job lists what is selected of a section."""
    return job.stage in job_config.READERS.get(section, ()) and "seed" in dict(job.names)  # photographs are of none


def row_is_read(path: tuple[str, ...], job: Planned) -> bool:
    """Whether a job reads a leaf of a row."""
    section, name, key = path[:3]
    selected = name in PARAMS["select"].get(section, [])
    if path == ("text_encoders", name, "width"):
        return False  # only `make plan` reads it
    if len(path) == 3:  # titles, and words
        pairs = key == "self_refining" and job.stage == "evaluate_inpainting" and ("model", name) in job.names
        shown = key == "title" and job.stage == "prepare_study" and ("study", name) in job.names  # on its page
        return pairs or shown or (selected and job.stage in job_config.READERS_OF_ROWS)
    told = path[2:] in (*TOLD, OWN_SCALE)
    if path[2:] == ("train_base", "family"):  # tables and figures hear which models take prompts
        told = PARAMS["models"][name]["train_base"]["family"] in job_config.PROMPTED_FAMILIES
    of_row = (job_config.ROWS[section], name) in job.names and not is_overridden_later(path, job)
    owner, borrowers = job_config.BORROWED.get(path[-1], ("", ()))
    reads = job.stage == key or (key == owner and job.stage in borrowers)
    return (of_row and reads) or (told and selected and job.stage in job_config.READERS_OF_ROWS)


def test_there_are_many_leaves_and_jobs():
    assert len(list(leaves(PARAMS))) > 60
    assert {job.stage for job in job_list(PARAMS)} == set(STAGES)


@pytest.mark.parametrize("path", [path for path in leaves(PARAMS) if not is_twin(path)], ids=".".join)
def test_one_changed_leaf_changes_exactly_the_jobs_that_read_it(path: tuple[str, ...]) -> None:
    before, after = unchanged(), texts(flipped(PARAMS, path))
    changed = {job for job in before.keys() & after.keys() if before[job] != after[job]}
    assert changed == {job for job in before.keys() & after.keys() if is_read(path, job)}
    unselected = path[0] in job_config.ROWS and path[1] not in PARAMS["select"].get(path[0], PARAMS[path[0]])
    assert changed or before.keys() != after.keys() or unselected or path[2:] == ("width",)


@pytest.mark.parametrize("section", list(job_config.READERS))
@pytest.mark.parametrize(("rows", "name"), [("datasets", "fashion_mnist_tops"), ("models", "improved_ddpm")])
def test_what_runs_in_one_place_alone_changes_its_jobs_and_those_that_list_it(
    rows: str, name: str, section: str
) -> None:
    chosen = [*ONLY[name].get(section, []), *PARAMS["select"][section][-1:]]
    before = texts(job_config.merge(PARAMS, {rows: {name: {"only": ONLY[name]}}}))
    after = texts(job_config.merge(PARAMS, {rows: {name: {"only": ONLY[name] | {section: chosen}}}}))
    changed = {job for job in before.keys() & after.keys() if before[job] != after[job]}
    assert {job.stage for job in changed} == {
        *(stage for stage in job_config.READERS[section] if any(job.stage == stage for job in before.keys() & changed)),
        *job_config.READERS_OF_ROWS,
    }
    wildcard = job_config.ROWS[rows]
    assert changed >= {job for job in before if selection_is_read(section, job) and (wildcard, name) in job.names}
    assert all(dict(job.names).get(wildcard, name) == name for job in changed | (after.keys() - before.keys()))


@pytest.mark.parametrize(("rows", "name"), [("datasets", "fashion_mnist_tops"), ("models", "improved_ddpm")])
def test_fewer_seeds_of_one_place_take_away_their_jobs_and_no_others(rows: str, name: str) -> None:
    two = job_config.merge(PARAMS, {"select": {"seeds": [0, 1]}, rows: {name: {"only": ONLY[name]}}})
    before = texts(two)
    after = texts(job_config.merge(two, {rows: {name: {"only": {"seeds": 1}}}}))
    gone = {(dict(job.names)[job_config.ROWS[rows]], dict(job.names)["seed"]) for job in before.keys() - after.keys()}
    assert gone == {(name, "1")}
    assert {job for job in after if after[job] != before[job]} == set()


def test_a_further_seed_adds_its_jobs_and_leaves_those_of_others_alone() -> None:
    before = unchanged()
    after = texts(job_config.merge(PARAMS, {"select": {"seeds": [0, 1]}}))
    assert {dict(job.names)["seed"] for job in after.keys() - before.keys()} == {"1"}
    assert {job.stage for job in before if after[job] != before[job]} == set(job_config.READERS_OF_ROWS)


def test_a_row_is_read_by_its_own_jobs_only() -> None:
    """Of two models, the leaf of one changes the jobs of that one."""
    two = job_config.merge(
        PARAMS, {"models": {"other": PARAMS["models"]["ddpm"]}, "select": {"models": ["ddpm", "other"]}}
    )
    before, after = texts(two), texts(flipped(two, ("models", "other", "train_base", "network", "dropout")))
    changed = {job for job in before if before[job] != after[job]}
    assert {(job.stage, dict(job.names)["model"]) for job in changed} == {("train_base", "other")}


@pytest.mark.parametrize("experiment", ["embedded", "smoke"])
def test_every_field_of_a_stages_config_is_given_and_every_leaf_is_a_field(experiment: str) -> None:
    tree = project_params(experiment)
    for job, text in texts(tree).items():
        stage = importlib.import_module(f"selfrefine.stages.{job.stage}")
        given = {key: value for key, value in json.loads(text).items() if key != "threads"}
        built = config_json.to_json(stage_config(stage.Config, text))
        assert built == config_json.to_json(given) or "." in text  # 1 may have become 1.0
