"""Attacks on a finished project: "Nothing to be done" means that every result follows from what stands beside it."""

import json
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.support.project import USERS_COMMAND, Project, jobs

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
RUN = "smoke/fashion_mnist/ddpm"
FEATURES = f"data/extract_features/{RUN}/seed0/features.npz"
METRICS = f"results/evaluate_generation/{RUN}/seed0/metrics.csv"
# What follows from the features of a run, but for its read-outs.
LAST = {"evaluate_generation", "make_tables", "make_summary"}


def stages(told: str) -> set[str]:
    """The stages of the jobs that Snakemake names."""
    return {job.split()[0] for job in jobs(told)}


def flip(path: Path) -> None:
    """Changes one bit of a file and none of its times and size."""
    state, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_snakemakes_own_notes_and_dates_decide_nothing(project: Project) -> None:
    """Without `.snakemake`, with cleaned notes, moved, with dates in any order: what runs is the same."""
    files = [file for room in ("data", "models", "results") for file in (project.root / room).rglob("*")]
    for file in files:
        moment = time.time() - random.Random(str(file)).randrange(10**8)
        os.utime(file, (moment, moment))
    assert NOTHING in project.run(USERS_COMMAND)
    project.run(f"snakemake --cleanup-metadata {METRICS}")
    assert NOTHING in project.run("snakemake -n all")
    shutil.rmtree(project.root / ".snakemake")
    shutil.rmtree(project.root / "scratch", ignore_errors=True)
    moved = Project(project.root.rename(project.root.with_name("a copy elsewhere")))
    assert NOTHING in moved.run(USERS_COMMAND)
    shutil.rmtree(moved.root / ".snakemake")
    moved.set("evaluate_generation.neighbours", 2)
    told = moved.run("snakemake -n all")
    assert stages(told) == LAST
    was = json.loads((moved.root / METRICS).with_name("config.json").read_text())["neighbours"]
    assert f"params: evaluate_generation.neighbours was {was}, is 2" in told
    moved.remove()


def test_what_lies_there_without_a_job_having_made_it_is_made_again(project: Project) -> None:
    """A bit that flipped, a file of another run, a record that is gone, cut, or of another job."""
    features, record = project.root / FEATURES, (project.root / METRICS).with_name("config.json")
    kept = {path: path.read_bytes() for path in (features, record)}
    flip(features)
    told = project.run("snakemake -n all")
    assert stages(told) == {"extract_features", *LAST}
    assert f"output: {FEATURES} changed since it was made" in told
    features.write_bytes(kept[features])
    for spoilt in (None, b"", kept[record][:-40], features.with_name("config.json").read_bytes()):
        record.unlink() if spoilt is None else record.write_bytes(spoilt)
        assert stages(project.run("snakemake -n all")) == LAST
        record.write_bytes(kept[record])
    assert NOTHING in project.run("snakemake -n all")


def test_a_result_of_another_input_is_made_again_and_then_fits(project: Project) -> None:
    """A file that came from elsewhere together with its own record: each fits, the two do not."""
    other = project.copy(project.root.with_name("other"))
    other.set("evaluate_generation.neighbours", 2)
    other.run(f"snakemake --cores 1 {METRICS}")
    for name in (METRICS, str(Path(METRICS).with_name("config.json"))):
        shutil.copy2(other.root / name, project.root / name)
    other.remove()
    assert stages(project.run("snakemake -n all")) == LAST
    project.set("evaluate_generation.neighbours", 2)  # its own is right now, and others are not
    told = project.run(USERS_COMMAND)
    assert "make_tables" in stages(told)
    assert f"{METRICS}: " not in told
    assert NOTHING in project.run("snakemake -n all")


def test_a_date_in_the_future_is_refused_before_anything_runs(project: Project) -> None:
    features = project.root / FEATURES
    future = time.time() + 10**6
    os.utime(features, (future, future))
    assert NOTHING in project.run(USERS_COMMAND)
    project.set("evaluate_generation.neighbours", 2)
    before = (project.root / METRICS).read_bytes()
    told = project.refuse(USERS_COMMAND)
    (line,) = (line for line in told if line.startswith(f"{FEATURES}: dated in the future"))
    assert line.endswith(f"or say: touch {FEATURES}")
    assert (project.root / METRICS).read_bytes() == before
    project.run(f"touch {FEATURES}")
    assert stages(project.run(f"snakemake --cores 1 {METRICS}")) == {"evaluate_generation"}


def test_code_that_changes_during_a_run_is_recorded_by_no_job(project: Project) -> None:
    """A job whose code is edited while it works fails, so do later ones; the next run takes the new code."""
    stage = project.root / "src/selfrefine/stages/evaluate_generation.py"
    log = project.root / "logs/evaluate_generation/smoke"
    shutil.rmtree(log)
    run = project.start(f"{USERS_COMMAND} --forcerun evaluate_generation")
    while not list(log.rglob("*.log")):
        assert run.poll() is None
        time.sleep(0.02)
    stage.write_text(f"{stage.read_text()}\nCHANGED = 1\n")
    told, _ = run.communicate()
    assert run.returncode != 0
    line = "evaluate_generation: the code changed after this run had begun; run the same command, "
    assert any(found.startswith(line) for found in told.splitlines())
    assert stages(project.run("snakemake -n all")) == LAST
    project.run(USERS_COMMAND)
    assert NOTHING in project.run("snakemake -n all")


def test_results_alone_are_enough_and_know_what_they_follow_from(project: Project) -> None:
    """With data, models and their records gone, tables are up to date until something behind them changes."""
    table = "results/tables/smoke/table2.csv"
    for room in ("data", "models", "results/evaluate_generation"):
        shutil.rmtree(project.root / room)
    assert NOTHING in project.run(f"snakemake -n {table}")
    assert f"is gone; `snakemake -n {table}` says" in project.run(f"selfrefine why {table}")
    for leaf, value in (("make_tables.minimum_seeds", 5), ("train_base.learning_rate", 0.1)):
        project.set(leaf, value)
        assert stages(project.run(f"snakemake -n {table}")) >= {"make_tables", "train_base", "evaluate_generation"}
        project.run("git checkout --quiet .")
    module = project.root / "src/selfrefine/highlighter/gradcam.py"
    module.write_text(f"{module.read_text()}\nCHANGED = 1\n")
    assert "make_tables" in stages(project.run(f"snakemake -n {table}"))
