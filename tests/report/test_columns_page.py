"""results/README.md explains every column that it names; that a run's files have these is held where they are made."""

from tests.support.columns_page import PAGE, columns_of_files, explained


def test_each_column_is_explained_once():
    text = PAGE.read_text(encoding="utf-8")
    files = columns_of_files(text)
    assert len(files) > 15
    assert explained(text) == list(dict.fromkeys(column for columns in files.values() for column in columns))


def test_a_column_without_an_explanation_is_found():
    text = "### `a.csv`\n\nWords.\n\nColumns: `x`, `y`\n\n## Columns\n\n| `x` | one |\n| `y` |  |\n"
    assert columns_of_files(text) == {"a.csv": ["x", "y"]}
    assert explained(text) == ["x"]
