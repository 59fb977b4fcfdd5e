"""The console script: which words move, and that Snakemake's own parser then reads what the user meant."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from selfrefine.commands.snakemake import LETTERS, LOCKED, only_run, runs_jobs, stop_at_unreadable, targets_first

# A workflow whose one rule tells which Python a rule finds.
SNAKEFILE = """
rule all:
    input: "python.txt"
rule python:
    output: "python.txt"
    resources: gpu=1
    shell: "command -v python > {output}; echo '{config}' >> {output}"
"""


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--cores 1 --resources gpu=1 all", "all --cores 1 --resources gpu=1"),
        ("--cores 1 --res gpu=1 all", "all --cores 1 --res gpu=1"),
        ("--config experiment=smoke all -n", "all --config experiment=smoke -n"),
        ("-C experiment=smoke all -n", "all -C experiment=smoke -n"),
        ("--resources gpu=1 mem_mb=9 a b --config k=v c", "a b c --resources gpu=1 mem_mb=9 --config k=v"),
        ("--resources gpu=1 a --cores 1", "a --resources gpu=1 --cores 1"),
    ],
)
def test_words_without_equals_sign_move_to_the_front(typed: str, read: str) -> None:
    assert targets_first(typed.split()) == read.split()


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-n all",
        "all --cores 1 --resources gpu=1",
        "--cores 1 all",
        "--resources gpu=1 -- all",
        "--resources=gpu=1 all",
        "--set-resources train_base:mem_mb=9 --forcerun train_base --until all",
        "--configfile a.yaml b.yaml --cores 1",
        "--quiet rules --config k=v --default-resources mem_mb=1",
    ],
)
def test_other_arguments_are_untouched(typed: str) -> None:
    assert targets_first(typed.split()) == typed.split()


def test_a_value_with_spaces_and_an_equals_sign_stays_one_word() -> None:
    arguments = ["--config", "select={'models': ['ddpm']} # a=b", "all"]
    assert targets_first(arguments) == ["all", *arguments[:2]]


@pytest.mark.parametrize("option", ["--resources", "--res"])
def test_snakemakes_own_parser_reads_the_literal_command(option: str) -> None:
    typed = ["--cores", "1", option, "gpu=1", "all"]
    parser = get_argument_parser()
    with pytest.raises(ValueError, match="dictionary update sequence"):  # without us: the reason for this module
        parser.parse_args(typed)
    arguments = parser.parse_args(targets_first(typed))
    assert arguments.targets == ["all"]
    assert arguments.resources == {"gpu": 1}
    assert str(arguments.cores) == "1"


def test_the_command_works_without_activation_in_a_bare_shell(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    programs = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"} | {"PATH": os.defpath}
    command = f"{programs}/snakemake --cores 1 --resources gpu=1 --config word=given all"
    done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    python, config = (tmp_path / "python.txt").read_text().splitlines()
    assert Path(python).parent == programs
    assert "given" in config


def test_a_second_run_in_the_folder_ends_with_one_line(tmp_path: Path) -> None:
    with (
        only_run(tmp_path),
        pytest.raises(SystemExit, match=rf"process {os.getpid()} on \S+ is running here"),
        only_run(tmp_path),
    ):
        pass
    with only_run(tmp_path):  # the first one has ended
        pass


HELD = """
rule all:
    output: "done"
    shell: "touch started; while [ ! -e stop ]; do sleep 0.1; done; touch {output}"
"""


def test_a_run_that_holds_no_lock_of_ours_is_told_in_one_line_too(tmp_path: Path) -> None:
    """One of stock Snakemake, or one that was killed: its own page tells how to unlock what is in use."""
    (tmp_path / "Snakefile").write_text(HELD)
    stock = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "1"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.1)
    ours = [sys.executable, "-c", "from selfrefine.commands.snakemake import main; main()", "--cores", "1", "--quiet"]
    done = subprocess.run(ours, cwd=tmp_path, capture_output=True, text=True)
    (tmp_path / "stop").touch()
    assert stock.wait() == 0
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "unlock" in line] == [LOCKED]


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("-n all --config train_refined.cycle=3", "--config: train_refined.cycle is no name; write --config 'train_"),
        ("-n all -C a={b:", "--config: a, line 2: not YAML: "),
        ("--configfile evil.yaml -n all", "evil.yaml, line 1: __use_yte__ would make Snakemake run what stands here"),
        ("--configfile=evil.yaml", "evil.yaml, line 1: __use_yte__ would make Snakemake run what stands here"),
        ("--configfiles good.yaml evil.yaml", "evil.yaml, line 1: __use_yte__ would make Snakemake run what stands"),
        ("--configfi nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_what_snakemake_would_run_or_stumble_over_ends_in_one_line(
    typed: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text("a: 1\n")
    (tmp_path / "evil.yaml").write_text("__use_yte__: true\n")
    stop_at_unreadable(["--configfile", "good.yaml", "--config", "a={b: 3}", "--cores", "1"])
    with pytest.raises(SystemExit) as ended:
        stop_at_unreadable(typed.split())
    assert str(ended.value).startswith(f"snakemake: {line}")


def test_what_only_looks_holds_nothing_nor_a_folder_without_a_workflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not runs_jobs(["all"])
    (tmp_path / "Snakefile").touch()
    assert runs_jobs(["all"])
    for aside in ("-n", "-np", "-pn", "-Fkpn", "-l", "-D", "--dry-run", "--lint", "--unlock", "--report", "--nolock"):
        assert not runs_jobs(["all", aside])
    for runs in ("-p", "-Fkp", "-j1", "-call", "-sname", "-", "--notemp"):
        assert runs_jobs(["all", runs])


def test_options_of_one_letter_are_those_of_snakemake() -> None:
    actions = get_argument_parser()._actions
    flags = {
        option[1] for action in actions if action.nargs == 0 for option in action.option_strings if len(option) == 2
    }
    assert flags == LETTERS


def test_a_folder_where_nothing_can_be_written_is_one_line(tmp_path, capsys) -> None:
    """A file in the place of Snakemake's own folder: root, too, is refused there as elsewhere in a read-only one."""
    (tmp_path / ".snakemake").write_text("")
    with pytest.raises(SystemExit) as ended, only_run(tmp_path):
        pytest.fail("runs")
    (line,) = str(ended.value).splitlines()
    assert line.startswith(f"snakemake: {tmp_path}/.snakemake: ")
    assert line.endswith("; a run writes into the folder that it runs in")


JOBS, SECONDS = 12, 0.4
LOOKED = """
import sys
from snakemake.cli import main
from snakemake.scheduling.job_scheduler import JobScheduler
from selfrefine.commands.snakemake import look_again_once

looks, select = [], JobScheduler.job_selector
JobScheduler.job_selector = lambda *given: (looks.append(1), select(*given))[1]
if sys.argv[1] == "once":
    look_again_once()
sys.argv[1:] = ["--cores", "1", "--quiet", "all"]
try:
    main()
finally:
    print("LOOKS", len(looks))
"""


def looks(folder: Path, how: str) -> int:
    """How often Snakemake looks for jobs that may start, in a run of JOBS jobs one after the other."""
    folder.mkdir()
    (folder / "Snakefile").write_text(
        f'rule all:\n    input: expand("{{n}}.txt", n=range({JOBS}))\n'
        f'rule one:\n    output: "{{n}}.txt"\n    shell: "sleep {SECONDS}; touch {{output}}"\n'
    )
    done = subprocess.run([sys.executable, "-c", LOOKED, how], cwd=folder, capture_output=True, text=True, check=False)
    assert len(list(folder.glob("*.txt"))) == JOBS, done.stderr
    return int(done.stdout.split("LOOKS")[1])


def test_looks_for_jobs_do_not_add_up(tmp_path: Path) -> None:
    """One at the start, one at the end of each job, one a second; in Snakemake alone each begins a chain of them."""
    begun = time.monotonic()
    ours = looks(tmp_path / "ours", "once")
    assert ours <= 2 * JOBS + (time.monotonic() - begun) + 2
    assert looks(tmp_path / "stock", "as it is") > 1.5 * ours, "Snakemake has mended it: delete look_again_once"
