"""docs/reliability.md says what is shown: each test that it names is there, with that many cases."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.collected import COLLECTED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
# | what is guaranteed | `tests/room/test_module.py` `test_function` | cases |
ROW = re.compile(r"\| (?P<guarantee>.+) \| `(?P<module>tests/[\w/]+\.py)` `(?P<test>test_\w+)` \| (?P<cases>\d+) \|")


def rows() -> list[dict[str, str]]:
    """The page's guarantees."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    matches = [ROW.fullmatch(line) for line in lines if not line.startswith("| guarantee")]
    assert None not in matches, [line for line, match in zip(lines[1:], matches, strict=False) if match is None]
    return [match.groupdict() for match in matches if match]


def test_every_named_test_is_there() -> None:
    assert len(rows()) >= 20
    for row in rows():
        tree = ast.parse((ROOT / row["module"]).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert row["test"] in functions, row


def test_a_guarantee_is_said_once() -> None:
    assert len({row["guarantee"] for row in rows()}) == len(rows())
    assert len({(row["module"], row["test"]) for row in rows()}) == len(rows())


def test_the_numbers_of_cases_are_those_of_this_run(request: pytest.FixtureRequest) -> None:
    """Of the modules that are collected whole: all of them in `make test`."""
    items = request.config.stash[COLLECTED]
    collected = Counter((item.path.relative_to(ROOT).as_posix(), getattr(item, "originalname", "")) for item in items)
    modules = {module for module, _ in collected}
    wrong = [
        (row["module"], row["test"], row["cases"], collected[row["module"], row["test"]])
        for row in rows()
        if row["module"] in modules and collected[row["module"], row["test"]] != int(row["cases"])
    ]
    assert not wrong
