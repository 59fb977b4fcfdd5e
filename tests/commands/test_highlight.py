"""Two folders by the command line: exit codes, what is told, and a stop that loses no update."""

import signal
from pathlib import Path

import pytest

from selfrefine.commands import main
from selfrefine.core import files
from tests.support import tiny_highlighter, two_folders
from tests.support.command import refused, started, words

QUICK = {"input_size": 32, "steps": 10, "batch_size": 8, "learning_rate": 0.0002, "device": "cpu"}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    weights = tiny_highlighter.write_weights(tmp_path / "vgg16.safetensors")
    return {**two_folders.easy(tmp_path), "weights": weights, "out": tmp_path / "out"}


def test_it_writes_what_its_help_names(folders, capfd):
    main.main(words("highlight", **folders | QUICK))
    told = capfd.readouterr().out.splitlines()
    assert told[-1].startswith(
        f"{folders['real']} and {folders['fake']} can be told apart: {folders['out']}/index.html"
    )
    assert any(" left" in line and line.startswith("highlight: training: step") for line in told)
    made = {path.name for path in folders["out"].iterdir()}
    shown = main.parser("highlight").format_help()
    assert {name for name in made if name not in shown} == {"SHA256SUMS", "highlighter.json"}
    assert files.check_folder(folders["out"])


def test_folders_that_cannot_be_told_apart_are_no_fault(folders, capfd):
    main.main(words("highlight", **folders | QUICK | {"fake": folders["real"]}))
    assert capfd.readouterr().out.splitlines()[-1].endswith("cannot be told apart")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"real": "absent"}, "real: absent is no folder; name a folder of images"),
        ({"input_size": 40}, "input_size is 40; a multiple of 32 needed"),
        ({"input_size": 0}, "--input-size: 0 given; allowed: whole numbers from 32 on; "),
        ({"learning_rate": 0}, "--learning-rate: 0 given; allowed: numbers above 0, to 1; "),
        ({"highlighter": "absent"}, "input_size is 32, but highlighter is trained already; leave it out"),
    ],
)
def test_what_does_not_fit_is_one_line(folders, capsys, change, told):
    assert refused(words("highlight", **folders | QUICK | change), capsys).startswith(f"selfrefine highlight: {told}")
    assert not folders["out"].exists()


def test_asked_to_stop_it_keeps_its_last_update_and_the_same_command_goes_on(folders, tmp_path):
    given = words("highlight", **folders | QUICK | {"steps": 4000})
    running = started(given, tmp_path)
    assert running.stdout is not None
    while "training: step" not in running.stdout.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=600)  # of a machine with much else to do
    assert "highlight: training: stopped by SIGINT after step" in errors
    assert "the same command goes on from there" in errors
    assert not folders["out"].exists()
    again = started(given, tmp_path)
    assert again.stdout is not None
    while "going on after step" not in (line := again.stdout.readline()):
        assert line, again.communicate()
    again.kill()
    again.communicate()
