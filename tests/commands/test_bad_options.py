"""Every option of every command with values of the wrong kind: one line that names the option, before anything runs."""

import argparse

import pytest

from selfrefine.commands import main
from tests.support.command import refused

NUMBERS = ("", "x", "nan", "inf", "-1", "1e999", "0x10", "1,5", "one", "1 2", "--")
NAMES = ("", "gpu", "CPU", "cuda:0", "float16", "auto ", "--")
FILES = ("made.jpg", "made", "", ".png/made.png", "nowhere/at/all.png", "/proc/nowhere/made.png", ".")


def bad(action: argparse.Action) -> tuple[str, ...]:
    """Values that an option cannot take."""
    if action.choices is not None:
        return NAMES
    kind = getattr(action.type, "__qualname__", "")
    if kind == "png":
        return FILES
    return NUMBERS if kind.startswith("number.") else ()


CASES = [
    (name, action.option_strings[-1], value)
    for name in main.COMMANDS
    for action in main.parser(name)._actions
    if action.option_strings
    for value in bad(action)
]


@pytest.mark.parametrize(("name", "option", "value"), CASES, ids=[" ".join(case) for case in CASES])
def test_a_bad_value_is_one_line_that_names_the_option(name, option, value, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    line = refused([name, f"{option}={value}"], capsys)
    assert line.startswith(f"selfrefine {name}: {option}: ")
    assert "allowed" in line or "choose from" in line
    assert list(tmp_path.iterdir()) == []


def test_options_of_all_kinds_are_among_these():
    assert {option for _, option, _ in CASES} >= {"--device", "--precision", "--out", "--steps", "--seed", "--guidance"}
    assert len(CASES) > 150
