"""results/README.md names every column of every table, and what it is."""

import pytest

from selfrefine.report.tables import autoencoders, dose_response
from selfrefine.report.tables.every_table import TABLES
from tests.support.columns_page import PAGE, columns_of_files, explained
from tests.support.tiny_controls import control_results
from tests.support.tiny_results import tiny_results
from tests.support.tiny_stage_metrics import round_trip_metrics

TEXT = PAGE.read_text(encoding="utf-8")
FILES = columns_of_files(TEXT)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_columns_that_the_page_names(name):
    lines, _ = TABLES[name]
    assert list(lines(control_results(seeds=2)).columns) == FILES[f"{name}.csv"]


def test_so_have_those_that_are_made_of_others():
    found = control_results(seeds=2)
    assert list(dose_response.lines(TABLES["controls"][0](found), found).columns) == FILES["strength.csv"]
    latent = tiny_results(round_trips=round_trip_metrics(31.5, model="tiny"))
    assert list(autoencoders.lines(latent).columns) == FILES["autoencoder.csv"]


def test_each_column_is_explained_once():
    named = list(dict.fromkeys(column for columns in FILES.values() for column in columns))
    assert explained(TEXT) == named
    assert len(FILES) > 15


def test_what_the_page_lacks_is_found():
    text = "### `a.csv`\n\nWords.\n\nColumns: `x`, `y`\n\n## Columns\n\n| `x` | one |\n| `y` |  |\n"
    assert columns_of_files(text) == {"a.csv": ["x", "y"]}
    assert explained(text) == ["x"]
