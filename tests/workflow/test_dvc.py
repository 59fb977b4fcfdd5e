"""DVC and Snakemake are two views of one workflow: same edges, same jobs after a change, same files after a pull."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.utils.serialize import load_yaml

from selfrefine.commands.listed_jobs import Listed, without_contents
from selfrefine.core import record
from tests.support.dvc_record import LISTED, LISTS, RECORD
from tests.support.project import USERS_COMMAND, Project, jobs

# They change the bytes of what they rerun: after equal bytes Snakemake runs what follows in one go, but not in two.
# The last one is a leaf of the overlay; a title reruns tables and figures.
FLIPPED = {
    "evaluate_generation.neighbours": 2,
    "variants.both.title": "Forward and reverse",
    "make_figures.n_images": 3,
}
TABLE = ["table2.csv", "table2.md", record.NAME]  # of one table, with what it follows from
LINES = 2500  # of dvc.lock: two thirds are the params of smoke


def test_every_stage_is_asked_for_its_own_jobs_and_inputs_alone() -> None:
    assert LISTED["cmd"] == "selfrefine list-jobs"
    assert LISTED["deps"] == ["Snakefile", "workflow/rules", "src/selfrefine"]
    assert LISTED["params"] == [{"params.yaml": None}, {"experiments/${experiment}.yaml": None}]
    for stage, record_of_stage in RECORD.items():
        assert record_of_stage["deps"][0] == f"results/{LISTS}/${{experiment}}/{stage}.json"
        assert record_of_stage.keys() == {"cmd", "deps", "outs"}
        (out,) = record_of_stage["outs"]
        (folder,) = out  # DVC wants it also where the params select no job of the stage
        assert record_of_stage["cmd"] == [f"selfrefine update-stage {stage}", f"mkdir -p {folder}"]
        assert list(out.values()) == [{"persist": True}]


@pytest.fixture(scope="module")
def first(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The finished project after `dvc repro`, committed; `first` is what that said."""
    copy = smoke.copy(tmp_path_factory.mktemp("recorded") / "project")
    project = Project(copy.root, copy.run("dvc repro"))
    project.run("git add --all && git commit --quiet --message 'Record the smoke experiment'")
    yield project
    project.remove()


@pytest.fixture(scope="module")
def lists(first: Project) -> dict[str, dict[str, Listed]]:
    """The listed jobs of each stage, by their records."""
    folder = first.root / "results" / LISTS / "smoke"
    read = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {stage: {path: Listed(**job) for path, job in found.items()} for stage, found in read.items()}


@pytest.mark.slow
def test_a_first_record_of_a_finished_run_starts_snakemake_for_no_stage(first: Project) -> None:
    assert asked(first.first) == {LISTS, *RECORD}
    assert first.first.count("the records say that nothing is to be done") == len(RECORD)
    assert "Nothing to be done" not in first.first
    assert not jobs(first.first)


def asked(told: str) -> set[str]:
    """The stages that DVC ran."""
    return set(re.findall(r"^Running stage '(\w+)':$", told, re.MULTILINE))


@pytest.mark.slow
def test_a_stage_is_listed_with_what_its_jobs_were_given_and_made(
    first: Project, lists: dict[str, dict[str, Listed]]
) -> None:
    """Config, inputs and outputs are those that each job itself has recorded; no job is missing, none too many."""
    assert lists.keys() == RECORD.keys()
    found = {path: job for stage in lists.values() for path, job in stage.items()}
    kept = [path for room in ("data", "models", "results") for path in (first.root / room).rglob(record.NAME)]
    made = {path.relative_to(first.root): record.read(path) for path in kept}
    assert {path for path, known in made.items() if known} == set(map(Path, found))
    for path, job in found.items():
        config, provenance = made[Path(path)]
        assert job.config == without_contents(config)
        assert set(job.inputs) == provenance["inputs"].keys()
        outputs = {(Path(path).parent / name).as_posix() for name in provenance["outputs"]}
        assert set(job.outputs) == {path, *outputs}


def folder_of(path: str) -> str:
    """What DVC is told of a file of the project: the page of a study is one folder."""
    page = "workflow/resources/study"
    return page if path.startswith(f"{page}/") else path


@pytest.mark.slow
def test_edges_are_those_of_the_rules(first: Project, lists: dict[str, dict[str, Listed]]) -> None:
    """An edge of dvc.yaml is what a stage's job reads: a folder that another one writes, or a file of the project."""
    idle = {stage for stage, found in lists.items() if not found}
    assert idle == {"evaluate_human_marks"}, "it needs folders of the user: tests/workflow/test_human_marks.py"
    writer = {folder: stage for stage, found in RECORD.items() for out in found["outs"] for folder in out}
    asked = {stage: found for stage, found in RECORD.items() if stage not in idle}
    recorded = {(writer.get(path, path), stage) for stage, found in asked.items() for path in found["deps"][1:]}
    all_jobs = [(stage, job) for stage, found in lists.items() for job in found.values()]
    makers = {path: stage for stage, job in all_jobs for path in job.outputs}
    read = {(makers.get(path, folder_of(path)), stage) for stage, job in all_jobs for path in job.inputs}
    assert {(upper, lower) for upper, lower in read if upper != lower} == recorded


@pytest.mark.slow
def test_the_lock_holds_the_params_once_and_of_a_stage_what_it_reads_and_writes(first: Project) -> None:
    lock = load_yaml(str(first.root / "dvc.lock"))["stages"]
    assert lock.keys() == {LISTS, *RECORD}
    read = {path: load_yaml(str(first.root / path)) for path in ("params.yaml", "experiments/smoke.yaml")}
    assert lock[LISTS]["params"] == read
    for stage, found in RECORD.items():
        assert lock[stage].keys() == {"cmd", "deps", "outs"}
        named = [path.replace("${experiment}", "smoke") for path in found["deps"]]
        assert sorted(entry["path"] for entry in lock[stage]["deps"]) == sorted(named)
    assert len((first.root / "dvc.lock").read_text().splitlines()) < LINES


@pytest.mark.slow
def test_after_a_first_record_both_engines_have_nothing_to_do(first: Project) -> None:
    assert "Data and pipelines are up to date." in first.run("dvc repro")
    assert "Nothing to be done" in first.run("snakemake -n all")
    assert first.run("git status --porcelain") == ""


@pytest.mark.slow
def test_metrics_and_plots_show_the_tables_and_curves(first: Project) -> None:
    shown = json.loads(first.run("dvc metrics show --json"))
    (values,) = shown[""]["data"].values()
    assert values["data"] == json.loads((first.root / "results/tables/smoke/summary.json").read_text())
    plots = json.loads(first.run("dvc plots show --json"))
    assert not plots.get("errors")
    assert {"loss of the base phase", "loss of the refinement phase"} <= plots["data"].keys()
    figures = (first.root / "results").glob("*/smoke/*.png")
    assert {name for name in plots["data"] if name.endswith(".png")} == {
        figure.relative_to(first.root).as_posix() for figure in figures
    }


@pytest.fixture
def clone(first: Project, tmp_path: Path) -> Iterator[Project]:
    """A clone without data, models and results; both know a remote that is empty."""
    remote = tmp_path / "remote"
    first.run(f"dvc remote add --local --default --force there {remote}")
    first.run(f"git clone --quiet . {tmp_path / 'clone'}")
    made = Project(tmp_path / "clone")
    made.run(f"dvc remote add --local --default there {remote}")
    yield made
    made.remove()


@pytest.mark.slow
def test_pull_into_a_fresh_clone(first: Project, clone: Project) -> None:
    """Nothing is left to be done in both engines, and a param that is changed later is noticed."""
    first.run("dvc push")
    clone.run("make -o ready pull")
    assert "Nothing to be done" in clone.run(USERS_COMMAND)
    clone.set("evaluate_generation.neighbours", 2)
    assert {job.split()[0] for job in clone.dry_run()} == {"evaluate_generation", "make_tables", "make_summary"}
    refused = clone.refuse("make -o ready pull")
    assert any("evaluate_generation" in line for line in refused)
    assert any("make pull: " in line for line in refused)


@pytest.mark.slow
def test_one_table_alone_is_pushed_and_pulled(first: Project, clone: Project, tmp_path: Path) -> None:
    """Nothing else of 200 MB goes or comes, and with its record the table is up to date where it arrives."""
    paths = [f"results/tables/smoke/{name}" for name in TABLE]
    first.run(f"dvc push {' '.join(paths)}")
    kept = [path for path in (tmp_path / "remote").rglob("*") if path.is_file()]
    assert len(kept) == len(paths) + 1  # the list of the folder
    clone.run(f"dvc pull {' '.join(paths)}")
    files = [path for room in ("data", "models", "results") for path in (clone.root / room).rglob("*")]
    there = {path.relative_to(clone.root).as_posix() for path in files if path.is_file()}
    assert there == {*paths, "results/README.md"}
    for path in paths:
        assert (clone.root / path).read_bytes() == (first.root / path).read_bytes()
    assert "Nothing to be done" in clone.run(f"snakemake -n {paths[0]}")


@pytest.mark.slow
def test_dvc_repro_runs_exactly_the_jobs_that_snakemake_names(first: Project) -> None:
    """And asks exactly the stages that have any."""
    for leaf, value in FLIPPED.items():
        first.set(leaf, value)
    named = first.dry_run()
    assert named
    told = first.run("dvc repro")
    assert jobs(told) == named
    assert asked(told) == {LISTS, *(job.split()[0] for job in named)}
    assert "Nothing to be done" in first.run("snakemake -n all")
    assert "Data and pipelines are up to date." in first.run("dvc status")


@pytest.mark.slow
def test_an_experiment_of_dvc_in_a_folder_of_its_own_runs_the_same_jobs_and_no_more(first: Project) -> None:
    """There are no notes of Snakemake and no dates of files: the records say what is up to date."""
    told = first.run("dvc exp run --temp --name apart -S 'make_summary.processes=[both,reverse,forward]'")
    assert {job.split()[0] for job in jobs(told)} == {"make_summary"}


@pytest.mark.slow
def test_an_experiment_of_dvc_runs_the_same_jobs_and_is_shown(first: Project) -> None:
    """In the project's folder; the branch stays as it is. What the tests before have changed is part of it."""
    branch = first.run("git rev-parse HEAD")
    told = first.run("dvc exp run -S make_tables.minimum_seeds=5")
    assert {job.split()[0] for job in jobs(told)} == {"make_tables", "make_summary"}
    assert first.run("git rev-parse HEAD") == branch
    (name,) = re.findall(r"^Ran experiment\(s\): (.+)$", told, re.MULTILINE)
    rows = csv.DictReader(first.run("dvc exp show --only-changed --csv").splitlines())
    shown = {row["Experiment"] or row["rev"]: row for row in rows}
    assert shown[name]["make_tables.minimum_seeds"] == "5"
    assert shown["main"]["make_tables.minimum_seeds"] == "3"
    assert any("precision" in column for column in shown["apart"])
