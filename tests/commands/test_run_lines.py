"""The lines of a run: of a tiny workflow with Snakemake itself, in a folder that is no terminal."""

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from selfrefine.commands.run_lines import label

OURS = [sys.executable, "-c", "from selfrefine.commands.snakemake import main; main()"]
# Two jobs, one after the other, of a project that has what the lines need: records, benchmarks, logs, an experiment.
SNAKEFILE = """
from selfrefine.commands import run_lines
run_lines.follow(workflow, "tiny")
rule all:
    input: "results/second/tiny/config.json"
rule first:
    output: config="results/first/{experiment}/{dataset}/seed{seed}/config.json"
    log: "logs/first/{experiment}/{dataset}/seed{seed}.log"
    benchmark: "benchmarks/first/{experiment}/{dataset}/seed{seed}.tsv"
    shell: "(echo first: a word; COMMAND touch {output}) 2>&1 | tee {log}"
rule second:
    input: "results/first/{experiment}/garments/seed0/config.json"
    output: config="results/second/{experiment}/config.json"
    log: "logs/second/{experiment}.log"
    benchmark: "benchmarks/second/{experiment}.tsv"
    shell: "touch {output} > {log}"
"""
NAME = "first garments seed0"
PROFILE = "Using workflow specific profile"
SUMMARY = "# What this run says\n\n- It ran.\n\n## More\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").touch()
    return write(tmp_path, "")


def write(folder: Path, command: str) -> Path:
    """The workflow, whose first job does something more."""
    (folder / "Snakefile").write_text(SNAKEFILE.replace("COMMAND", command))
    return folder


def run(folder: Path, *options: str, code: int = 0) -> list[str]:
    """The lines of both streams."""
    command = [*OURS, "--cores", "1", *options]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == code, done.stdout
    assert "\033" not in done.stdout
    return done.stdout.splitlines()


def log(folder: Path) -> str:
    """What Snakemake itself wrote of the last run."""
    return max((folder / ".snakemake" / "log").iterdir()).read_text()


def test_a_job_is_a_line_at_its_start_and_one_at_its_end(folder: Path) -> None:
    told = run(folder)
    number = r"\d+ s"
    expected = [
        "jobs to do: 2",
        f"{NAME}: starts",
        "first: a word",
        rf"{NAME}: done in {number}; 1 of 2 jobs",
        "second: starts",
        rf"second: done in {number}; 2 of 2 jobs",
        rf"2 jobs done in {number}; Snakemake's own log is \.snakemake/log/\S+\.snakemake\.log",
    ]
    for line, pattern in itertools.zip_longest(told, expected, fillvalue=""):
        assert re.fullmatch(pattern, line)
    for part in ("touch results/second/tiny/config.json", "reason: ", "wildcards: ", "resources: ", "benchmark: "):
        assert part in log(folder)


def test_recorded_times_say_what_is_left(folder: Path) -> None:
    run(folder)
    for name, seconds in (("first/tiny/garments/seed0", 200), ("second/tiny", 400)):
        (folder / "benchmarks" / f"{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t0\n")
    told = run(folder, "--forceall")
    assert told[0] == "jobs to do: 2, about 10 min left"
    assert re.search(r"1 of 2 jobs, about \d+ (s|min) left", told[3])


def test_with_nothing_to_do_there_is_one_line_and_what_was_found(folder: Path) -> None:
    run(folder)
    (line,) = run(folder)
    assert line.startswith("Nothing to be done")
    pages = folder / "results" / "summary" / "tiny"
    pages.mkdir(parents=True)
    (pages / "summary.md").write_text(SUMMARY)
    end = ["- It ran.", "results/summary/tiny/summary.md"]
    assert run(folder) == [line, *end]
    assert run(folder, "--forcerun", "second")[-2:] == end
    assert run(folder, "results/second/tiny/config.json") == [line]  # what was found is told of all only


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("echo first: the card is gone; exit 3; ", "the card is gone"),
        ("echo a; echo; exit 3; ", "a"),
        ("exec 2>&-; exit 3; ", "a word"),
    ],
)
def test_the_line_of_a_failed_job_is_the_last_one(folder: Path, command: str, line: str) -> None:
    told = run(write(folder, command), code=1)
    assert told[-1] == f"{NAME}: {line}; its log is logs/first/tiny/garments/seed0.log"
    assert told[-2].startswith("1 failed, 0 of 2 jobs done; Snakemake's own log is .snakemake/log/")
    assert told[-3] == f"{NAME}: failed"
    assert not any("Error" in line or "exited with" in line for line in told)
    assert "Error in rule first" in log(folder)


def test_a_job_that_was_tried_again_has_not_failed(folder: Path) -> None:
    told = run(write(folder, "test -e again || (touch again; exit 3); "), "--retries", "1")
    assert [line.partition(": ")[2].partition(" ")[0] for line in told if line.startswith(NAME)] == [
        "starts",
        "failed",
        "starts",
        "done",
    ]
    assert told[-1].startswith("2 jobs done")


def test_an_error_of_snakemakes_own_is_shown(folder: Path) -> None:
    assert any("MissingRuleException" in line for line in run(folder, "nowhere.txt", code=1))


@pytest.mark.parametrize(
    ("options", "there", "absent"),
    [
        (["-p"], "        touch results/second/tiny/config.json", ""),
        (["--verbose"], "    wildcards: experiment=tiny, dataset=garments, seed=0", ""),
        (["-n"], "This was a dry-run", ""),
        (["--quiet", "rules"], "2 of 3 steps", "rule first:"),
        (["--quiet", "all"], "first: a word", "rule first:"),
    ],
)
def test_who_asks_for_snakemakes_own_words_gets_them(folder: Path, options: list[str], there: str, absent: str) -> None:
    told = run(folder, *options)
    assert any(there.strip() in line for line in told)
    assert not any(line.endswith(": starts") for line in told)
    assert not absent or not any(absent in line for line in told)


def test_a_name_is_nearly_that_of_its_stage() -> None:
    names = {"experiment": "smoke", "variant": "both", "dataset": "d", "seed": "0", "model": "m"}
    assert label("train_refined", names) == "train_refined d m seed0 both"
    assert label("make_tables", {"experiment": "smoke"}) == "make_tables"
