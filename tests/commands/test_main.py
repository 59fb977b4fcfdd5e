"""The command as a person types it: every subcommand explains itself, and whatever is wrong is one line."""

import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from selfrefine.commands import main
from tests.support.command import refused, started
from tests.support.job_list import job_list, project_params

ROOT = Path(__file__).resolve().parents[2]


def example(name: str) -> list[str]:
    """The words of the example in the help of a subcommand."""
    _, shown = main.parser(name).format_help().split("Example", 1)
    return shlex.split(re.search(r"selfrefine (?:.*\\\n)*.*", shown)[0].replace("\\\n", " "))


def test_help_lists_every_command_and_its_line(capsys):
    main.main(["--help"])
    shown = capsys.readouterr().out
    for name, (_, summary) in main.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(summary)}$", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines())) <= 120


def test_help_and_bad_words_are_quick_because_nothing_heavy_is_imported():
    code = f"""
import resource, sys
from {main.__name__} import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, {{"torch", "numpy", "pandas", "yaml"}} & set(sys.modules), file=sys.stderr)
"""
    for words in (["--help"], [], ["plna"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        seconds, loaded = done.stderr.splitlines()[-1].split(maxsplit=1)
        assert loaded == "set()"
        assert float(seconds) < 0.5


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_help_of_a_command_says_what_it_needs_and_makes_with_an_example_that_it_takes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main([name, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert main.COMMANDS[name].summary[1:] in shown
    for heading in ("Needs:", "Makes:", "Example"):
        assert re.search(f"^{heading}", shown, re.MULTILINE)
    program, command, *words = example(name)
    assert (program, command) == ("selfrefine", name)
    assert callable(main.parser(name).read(words).run)


@pytest.mark.parametrize("name", ["sample", "inpaint"])
def test_the_pipeline_of_an_example_is_one_that_the_embedded_experiment_makes(name):
    _, stage, experiment, *wildcards, seed, _ = main.parser(name).read(example(name)[2:]).pipeline.parts
    made = {
        tuple(value for _, value in job.names) for job in job_list(project_params(experiment)) if job.stage == stage
    }
    assert (*wildcards, seed.removeprefix("seed")) in made


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "selfrefine: no command given; known: plan, rehearse, photographs, "),
        ("plna", "selfrefine: plna is no command; did you mean plan? known: plan, "),
        ("--experiment small plan", "selfrefine: --experiment is no command; known: plan, "),
        ("plan --experimnt small", "selfrefine plan: --experimnt is no option; did you mean --experiment? known: "),
        ("sample --pipline=x", "selfrefine sample: --pipline is no option; did you mean --pipeline? known: "),
        ("plan -n", "selfrefine plan: -n is no option; known: -h, --help, "),
        ("plan small", "selfrefine plan: unrecognized arguments: small; `selfrefine plan --help` shows an example"),
        ("plan --exp small", "selfrefine plan: --exp is no option"),
        ("plan --csv", "selfrefine plan: --csv: expected one argument; "),
        ("plan --tflops fast", "selfrefine plan: --tflops: fast given; allowed: numbers above 0; "),
        ("plan --tflops inf", "selfrefine plan: --tflops: inf given; allowed: numbers above 0; "),
        (
            "inpaint --mask m.png",
            "selfrefine inpaint: the following arguments are required: --pipeline, --out, --image",
        ),
        ("fidelity --pool 2.5", "selfrefine fidelity: --pool: 2.5 given; allowed: whole numbers from 1 on; "),
        ("fidelity --device gpu", "selfrefine fidelity: --device: invalid choice: 'gpu' (choose from "),
        (
            "photographs --experiment smok",
            "selfrefine photographs: smok is no file of experiments/; did you mean smoke?",
        ),
    ],
)
def test_what_is_wrong_is_one_line(words, message, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert refused(words.split(), capsys).startswith(message)


def test_a_file_that_cannot_be_read_or_written_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert refused(["readme"], capsys) == "selfrefine readme: README.md: No such file or directory"


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    module = importlib.import_module("selfrefine.commands.readme")
    monkeypatch.setattr(module, "run", lambda arguments: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        main.main(["readme"])


def test_an_interrupt_is_one_line(tmp_path):
    """Of a command that waits for its README, a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "README.md")
    running = started(["readme"], tmp_path)
    with open(tmp_path / "README.md", "w"):  # opens when the command does
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (main.INTERRUPTED, "selfrefine readme: interrupted\n")


@pytest.mark.parametrize("words", [["--help"], ["photographs", "--help"]])
def test_a_reader_that_has_gone_is_no_fault(words, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    running = started(words, tmp_path, stdout=writing)
    os.close(writing)
    _, errors = running.communicate()
    assert errors == ""
    assert running.returncode in (main.BROKEN_PIPE, 0)  # argparse passes over it if Python does not buffer


def test_the_console_scripts_are_functions_of_the_package():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts.keys() == {"selfrefine", "snakemake"}
    for place in scripts.values():
        module, _, function = place.partition(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_command_in_the_texts_is_one_that_the_program_takes():
    """Every page and the Makefile: `selfrefine plan ...` as a line of a block or between backticks."""
    found = []
    pages = [path for folder in ("", "docs", "results") for path in (ROOT / folder).glob("*.md")]
    for page in (*pages, ROOT / "Makefile"):
        text = page.read_text().replace("\\\n", " ")
        assert "python -m selfrefine.commands" not in text or page.name == "design.md"
        found += re.findall(r"(?:^|`|@)selfrefine ([a-z].*?)(?:`|$)", text, re.MULTILINE)
    assert {line.split()[0] for line in found} >= {"plan", "sample", "inpaint", "bench", "readme"}
    for line in found:
        command, *words = shlex.split(re.sub(r"\$+[({].*", "", line), comments=True)
        parser = main.parser(command)
        if words and words != ["--help"]:
            parser.read(words)
