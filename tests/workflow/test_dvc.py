"""DVC and Snakemake are two views of one workflow: same edges, same jobs after a change, same files after a pull."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dvc_record import RECORD, watched
from tests.support.project import USERS_COMMAND, Project, jobs

# Each changes the bytes of what it reruns: after equal bytes Snakemake runs what follows in one go, but not in two.
# The last one is a leaf of the overlay, which every stage watches; a title reruns tables and figures.
FLIPPED = [
    {"make_tables.equivalence_margin": 0.02, "variants.both.title": "Forward and reverse"},
    {"evaluate_maps.n_images": 24},
]


def test_every_stage_runs_its_own_rules_and_watches_them_and_the_experiment() -> None:
    for stage, record in RECORD.items():
        assert {"src/selfrefine", f"workflow/rules/{stage}.smk"} <= set(record["deps"])
        assert {"experiments/${experiment}.yaml": None} in record["params"]
        assert {"experiment", "select"} <= set(watched(stage))
        (out,) = record["outs"]
        (folder,) = out  # DVC wants it also where the params select no job of the stage
        assert record["cmd"] == [f"snakemake all_{stage} --cores all --resources gpu=1", f"mkdir -p {folder}"]
        assert list(out.values()) == [{"persist": True}]


@pytest.mark.slow
def test_edges_are_those_of_the_rules(smoke: Project) -> None:
    """An edge of dvc.yaml is a folder that one stage writes and another one reads."""
    writer = {folder: stage for stage, record in RECORD.items() for out in record["outs"] for folder in out}
    recorded = {
        (writer[folder], stage) for stage, record in RECORD.items() for folder in record["deps"] if folder in writer
    }
    drawn = smoke.run("snakemake all --rulegraph 2>/dev/null")
    rules = dict(re.findall(r'(\d+)\[label = "(\w+)"', drawn))
    stages = {number: stage_of(rule) for number, rule in rules.items()}
    edges = {(stages[upper], stages[lower]) for upper, lower in re.findall(r"(\d+) -> (\d+)", drawn)}
    assert {(upper, lower) for upper, lower in edges if lower is not None and upper != lower} == recorded


def stage_of(rule: str) -> str | None:
    """The stage that a rule belongs to: `extract_features_real` is one more input of `extract_features`."""
    return max((stage for stage in RECORD if f"{rule}_".startswith(f"{stage}_")), key=len, default=None)


@pytest.fixture(scope="module")
def recorded(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The finished project after `dvc repro`, committed."""
    project = smoke.copy(tmp_path_factory.mktemp("recorded") / "project")
    told = project.run("dvc repro")
    assert not jobs(told), "dvc repro ran jobs that Snakemake had finished"
    project.run("git add --all && git commit --quiet --message 'Record the smoke experiment'")
    yield project
    project.remove()


@pytest.mark.slow
def test_after_a_first_record_both_engines_have_nothing_to_do(recorded: Project) -> None:
    assert "Data and pipelines are up to date." in recorded.run("dvc repro")
    assert "Nothing to be done" in recorded.run("snakemake -n all")
    assert recorded.run("git status --porcelain") == ""


@pytest.mark.slow
def test_metrics_and_plots_show_the_tables_and_curves(recorded: Project) -> None:
    shown = json.loads(recorded.run("dvc metrics show --json"))
    (values,) = shown[""]["data"].values()
    assert values["data"] == json.loads((recorded.root / "results/tables/smoke/summary.json").read_text())
    plots = json.loads(recorded.run("dvc plots show --json"))
    assert not plots.get("errors")
    assert {"loss of the base phase", "loss of the refinement phase"} <= plots["data"].keys()
    figures = (recorded.root / "results").glob("*/smoke/*.png")
    assert {name for name in plots["data"] if name.endswith(".png")} == {
        figure.relative_to(recorded.root).as_posix() for figure in figures
    }


@pytest.mark.slow
def test_pull_into_a_fresh_clone(recorded: Project, tmp_path: Path) -> None:
    """Nothing is left to be done in both engines, and a param that is changed later is noticed."""
    remote = tmp_path / "remote"
    recorded.run(f"dvc remote add --local --default there {remote} && dvc push")
    recorded.run(f"git clone --quiet . {tmp_path / 'clone'}")
    clone = Project(tmp_path / "clone")
    clone.run(f"dvc remote add --local --default there {remote}")
    clone.run("make -o ready pull")
    assert "Nothing to be done" in clone.run(USERS_COMMAND)
    assert "Data and pipelines are up to date." in clone.run("dvc status")
    clone.set("evaluate_generation.neighbours", 2)
    assert {job.split()[0] for job in clone.dry_run()} == {"evaluate_generation", "make_tables", "make_summary"}
    assert clone.try_out("dvc status --quiet").returncode == 1
    refused = clone.refuse("make -o ready pull")
    assert any("evaluate_generation" in line for line in refused)
    assert any("make pull: " in line for line in refused)
    clone.remove()


@pytest.mark.slow
@pytest.mark.parametrize("leaves", FLIPPED, ids=" ".join)
def test_dvc_repro_runs_exactly_the_jobs_that_snakemake_names(recorded: Project, leaves: dict[str, Any]) -> None:
    for leaf, value in leaves.items():
        recorded.set(leaf, value)
    named = recorded.dry_run()
    assert named
    assert jobs(recorded.run("dvc repro")) == named
    assert "Nothing to be done" in recorded.run("snakemake -n all")
    assert "Data and pipelines are up to date." in recorded.run("dvc status")


@pytest.mark.slow
def test_an_experiment_of_dvc_in_a_folder_of_its_own_runs_the_same_jobs_and_no_more(recorded: Project) -> None:
    """There are no notes of Snakemake and no dates of files: the records say what is up to date."""
    told = recorded.run("dvc exp run --temp -S evaluate_generation.neighbours=2")
    assert {job.split()[0] for job in jobs(told)} == {"evaluate_generation", "make_tables", "make_summary"}
    (name,) = recorded.run("dvc exp list --name-only").split()
    assert "precision" in recorded.run(f"dvc metrics diff HEAD {name}")
