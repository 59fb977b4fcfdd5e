"""The user's own commands, as they stand, on the smoke experiment."""

import math
import os
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tests.support import columns_page
from tests.support.project import ROOT, SETTINGS, USERS_COMMAND, Project, children_seconds, jobs

pytestmark = pytest.mark.slow

NOTHING = "Nothing to be done"
(BUILT_WITH,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
TABLES = [f"{name}.{kind}" for name in ("table1", "table2", "table5", "controls", "table7") for kind in ("csv", "md")]
TABLES += ["forest.png", "summary.json"]
FIGURES = ["figure4", "figure4_all", "figure5", "figure6", "figure7", "figure8", "mfam", "loss"]


def test_the_first_run_makes_every_table_and_figure(smoke: Project) -> None:
    tables = [smoke.root / "results" / "tables" / "smoke" / name for name in TABLES]
    figures = [smoke.root / "results" / "figures" / "smoke" / f"{name}.png" for name in FIGURES]
    for path in tables + figures:
        assert path.stat().st_size > 0
    assert sum(jobs(smoke.first).values()) > 20


def test_the_first_run_is_watched_in_lines_and_the_rest_of_it_is_in_snakemakes_log(smoke: Project) -> None:
    count = sum(jobs(smoke.first).values())
    log = min((smoke.root / ".snakemake" / "log").iterdir())  # named by time: later ones are other tests'
    first, *lines = [line for line in smoke.first.splitlines() if not line.startswith(SETTINGS)]
    assert first.startswith(f"jobs to do: {count}")
    assert sum(bool(re.search(r": done in .*; \d+ of \d+ jobs", line)) for line in lines) == count
    assert any(re.search(r": step 8/8, loss .* images/s, .* left$", line) for line in lines)
    assert any(re.search(rf"^{count} jobs done in .*/log/{re.escape(log.name)}$", line) for line in lines)
    assert not any(line.startswith((" ", "[", "rule ", "localrule ")) for line in lines)
    for part in ("python -m selfrefine.commands.run_stage train_base", "reason: ", "wildcards: ", "benchmark: "):
        assert part not in smoke.first
        assert part in log.read_text()


def test_a_newcomers_dry_run_names_the_jobs_that_the_first_run_executes(smoke: Project, fresh: Project) -> None:
    fresh.set("experiment", "smoke")
    assert fresh.dry_run() == jobs(smoke.first)
    assert [path.name for path in (fresh.root / "results").iterdir()] == ["README.md"]


@pytest.mark.parametrize("command", [USERS_COMMAND, "snakemake -n all", "snakemake all --cores 1"])
def test_a_second_run_has_nothing_to_do_and_says_so_within_5_seconds(smoke: Project, command: str) -> None:
    started = children_seconds()
    smoke.run("python -c 'import snakemake.cli, snakemake.workflow'")
    limit = max(5.0, 4 * (children_seconds() - started))  # Snakemake's own import tells how slow the machine is
    spent = math.inf
    for _ in range(3):  # what else runs on the machine may slow one of them
        started = children_seconds()
        told = smoke.run(command)
        spent = min(spent, children_seconds() - started)
        if spent < limit:
            break
    assert spent < limit
    assert NOTHING in told
    assert not jobs(told)


def test_make_all_takes_the_experiment(project: Project) -> None:
    project.set("experiment", "embedded")
    assert NOTHING in project.run("make -o ready all EXPERIMENT=smoke")


def test_the_report_is_one_page_with_tables_and_figures(project: Project) -> None:
    project.run("make -o ready report")
    page = (project.root / "report.html").read_text()
    for name in ["table2.csv", "controls.csv", "table7.csv", "forest.png", *FIGURES]:
        assert name in page


def test_a_comment_reruns_nothing(project: Project) -> None:
    for path in (project.root / "src" / "selfrefine").rglob("*.py"):
        path.write_text(f"# A comment.\n{path.read_text()}\n# Another one.\n")
    assert NOTHING in project.run(USERS_COMMAND)


def test_a_changed_expression_reruns_the_stages_that_import_it_and_what_follows(project: Project) -> None:
    stage = project.root / "src" / "selfrefine" / "stages" / "evaluate_generation.py"
    stage.write_text(f"{stage.read_text()}\nCHANGED = 1\n")
    assert {job.split()[0] for job in project.dry_run()} == {"evaluate_generation", "make_tables", "make_summary"}


def why(project: Project, output: str) -> str:
    """What is said of an output."""
    return project.run(f"selfrefine why {output}")


def test_a_reworded_message_reruns_nothing(project: Project) -> None:
    path = project.root / "src" / "selfrefine" / "core" / "files.py"
    words = "changed since it was made"
    assert f'"{words} (' in path.read_text()
    path.write_text(path.read_text().replace(words, "is not what the job wrote"))
    assert NOTHING in project.run("snakemake -n all")
    table = "results/tables/smoke/table2.csv"
    assert why(project, table).startswith(f"nothing changed since {table} was made")


def test_a_changed_map_reruns_what_is_made_of_maps_and_not_the_base_models(project: Project) -> None:
    path = project.root / "src" / "selfrefine" / "guidance" / "control_maps.py"
    path.write_text(f"{path.read_text()}\nCHANGED = 1\n")
    stages = {job.split()[0] for job in project.dry_run()}
    assert stages >= {"train_refined", "generate_samples", "evaluate_maps", "make_tables"}
    assert not stages & {"train_base", "generate_fakes", "train_highlighter", "prepare_data"}
    run = "smoke/fashion_mnist/ddpm"
    assert why(project, f"models/train_base/{run}/seed0/pipeline").startswith("nothing changed")
    line = "code: guidance/control_maps.py changed"
    assert why(project, f"models/train_refined/{run}/both/seed0/loss.csv").splitlines() == [line]
    assert f"before that, train_refined (12 jobs): {line}" in why(project, "results/tables/smoke/table2.csv")


def test_two_runs_at_once(project: Project) -> None:
    holder = project.root / ".snakemake" / "run.lock.holder"
    holder.unlink(missing_ok=True)  # of the run that was copied
    first = project.start(f"{USERS_COMMAND} --forcerun evaluate_generation")
    while first.poll() is None and not (holder.is_file() and holder.read_text()):
        time.sleep(0.05)
    refused = project.refuse(USERS_COMMAND)
    told, _ = first.communicate()
    assert first.returncode == 0, told
    assert len(refused) == 1
    assert re.fullmatch(r"snakemake: process \d+ on \S+ is running here; wait for it, or stop it", refused[0])


def test_after_a_kill_of_snakemake_no_job_is_left_and_the_same_command_goes_on(project: Project) -> None:
    folder = "train_base/smoke/fashion_mnist/ddpm/seed0"
    project.set("train_base.steps", 250)
    command = f"snakemake --cores 1 models/{folder}/loss.csv"
    run = project.start(command)
    while not (kept := list((project.root / "scratch" / folder).rglob("checkpoint*.safetensors"))):
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.communicate()  # to the end of its streams: the last of its jobs has ended
    log = (project.root / "logs" / f"{folder}.log").read_text()
    stopped = re.search(r"stopped by SIGTERM after step (\d+); the same command goes on from there\n", log)
    assert stopped
    before = {path.name for path in kept[0].parent.iterdir()}
    time.sleep(0.5)
    assert {path.name for path in kept[0].parent.iterdir()} == before
    told = project.run(command)
    assert f"going on after step {stopped[1]}\n" in told
    assert "train_base fashion_mnist ddpm seed0: step 250/250" in told


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (("\ntrain_base:\n", "\ntrain_base:\n  leaning_rate: 0.1\n"), ["leaning_rate", "learning_rate"]),
        (("  batch_size: 32  # images per step", "  batch_size: many  # images per step"), ["batch_size", "many"]),
        (("  learning_rate: 0.003 ", "  learning_rate: 0_.003 "), ["line ", "0_.003", "0.003"]),
        (("experiment: embedded", "experiment: embeded"), ["embeded", "embedded"]),
        (("variants: [baseline, ", "variants: [baseline, forwards, "), ["forwards", "forward"]),
    ],
)
def test_bad_params_are_refused_in_one_line(fresh: Project, edit: tuple[str, str], words: list[str]) -> None:
    path = fresh.root / "params.yaml"
    assert edit[0] in path.read_text()
    path.write_text(path.read_text().replace(*edit, 1))
    (line,) = fresh.refuse("snakemake -n all")
    for word in ["params.yaml", *words]:
        assert word in line


def test_an_unknown_experiment_on_the_command_line_is_refused_in_one_line(fresh: Project) -> None:
    (line,) = fresh.refuse("snakemake --config experiment=smok -n all")
    assert "smok" in line
    assert "smoke" in line


def test_a_gpu_that_is_asked_for_and_absent(project: Project) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the GPU that the test wants absent")
    project.set("shared.device", "cuda")
    told = project.refuse("snakemake --cores 1 --resources gpu=1 all_train_base")
    lines = {line for line in told if "shared.device is" in line}
    assert lines
    assert all("this machine has " in line for line in lines)
    assert not any("Traceback" in line for line in told)


def test_a_read_only_results_folder(project: Project) -> None:
    """Root is bound by permissions as soon as it gives up the right to override them."""
    bound = ""
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root without setpriv can write everywhere")
        bound = "setpriv --bounding-set=-dac_override,-dac_read_search -- "
    project.set("make_tables.minimum_seeds", 5)
    tables = project.root / "results" / "tables" / "smoke"
    tables.chmod(0o555)
    told = project.refuse(f"{bound}{PROGRAM} --cores 1 all")
    tables.chmod(0o755)
    (line,) = (line for line in told if line.startswith("results/tables/smoke:"))
    assert "not a folder that can be written" in line
    assert not any("Traceback" in line for line in told)
    assert NOTHING not in project.run(USERS_COMMAND)  # then the same command finishes the work


PROGRAM = Path(sys.executable).parent / "snakemake"


OLD_PYTHON = f"""#!/bin/sh
exec {sys.executable} -c 'import sys; sys.version_info = (3, 9, 1); exec(sys.argv[1])' "$2"
"""


def test_make_refuses_an_old_python_in_one_line(fresh: Project) -> None:
    program = fresh.root / "python3.9"
    program.write_text(OLD_PYTHON)
    program.chmod(0o755)
    line, _ = fresh.refuse(f"make all PYTHON={program}")  # the second is make's own word
    assert "Python 3.11 or newer is needed" in line
    assert not (fresh.root / ".venv").exists()


def test_make_names_a_python_that_is_not_there(fresh: Project) -> None:
    line, _ = fresh.refuse("make all PYTHON=python-of-nowhere")
    assert "python-of-nowhere" in line


@pytest.mark.parametrize("wrong", ["snakemake", "selfrefine"])
def test_make_puts_our_console_scripts_right(fresh: Project, wrong: str) -> None:
    """A reinstalled Snakemake has put its own script in the place of ours; an older environment has but one of them."""
    fresh.run(f"{sys.executable} -m venv .venv && .venv/bin/pip install -q {BUILT_WITH} && touch .venv/.installed")
    scripts = {name: fresh.root / ".venv" / "bin" / name for name in ("snakemake", "selfrefine")}
    for name, module in (("snakemake", "snakemake"), ("selfrefine", "main")):
        scripts[name].write_text(f"from selfrefine.commands.{module} import main\n")
    scripts["snakemake"].write_text("from snakemake.cli import main\n") if wrong == "snakemake" else scripts[
        wrong
    ].unlink()
    fresh.run("unset PYTHONPATH; make ready")
    assert "from selfrefine.commands.snakemake import main" in scripts["snakemake"].read_text()
    assert "from selfrefine.commands.main import main" in scripts["selfrefine"].read_text()


def test_every_table_of_a_run_has_the_columns_that_the_page_of_results_names(smoke: Project) -> None:
    """Also the metrics of each stage; a file that the page does not name is found, too."""
    results, named = smoke.root / "results", columns_page.columns_of_files(columns_page.PAGE.read_text())
    found = {
        columns_page.name_of(path, results): path.read_text().partition("\n")[0].split(",")
        for path in sorted(results.rglob("*.csv"))
    }
    # smoke selects no marks of people: tests/stages/test_evaluate_human_marks.py has its columns
    assert found == {name: columns for name, columns in named.items() if not name.startswith("evaluate_human_marks/")}
    # the images of a study are named by its page alone
    pictures = {path.name for path in results.rglob("*.png") if "prepare_study" not in path.parts}
    assert pictures
    assert not [name for name in pictures if f"/{name}` |" not in columns_page.PAGE.read_text()]
