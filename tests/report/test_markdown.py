"""Numbers and tables as texts."""

import math

import pytest

from selfrefine.report import markdown


def test_a_table_lines_up():
    lines = markdown.markdown_table(["", "a"], [["long name", "1"], ["b", "12345"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1] == "| --------- | ----: |"
    assert lines[3] == "| b         | 12345 |"


@pytest.mark.parametrize(
    ("value", "style", "text"), [(1.5, "#.4g", "1.500"), (1234.0, "#.4g", "1234"), (math.nan, ".3f", "-")]
)
def test_numbers(value, style, text):
    assert markdown.number(value, style) == text
