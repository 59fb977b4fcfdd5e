"""The paper's data sets and its Table 3."""

import csv
import math
from pathlib import Path

import pytest
import yaml

from selfrefine import tables
from selfrefine.paper_values import PAPER_DATASETS

WORKFLOW = Path(__file__).parents[1] / "workflow"


@pytest.fixture(scope="module")
def paper():
    with (WORKFLOW / "resources" / "paper_values.csv").open(encoding="utf-8") as stream:
        return [{**line, "value": float(line["value"])} for line in csv.DictReader(stream)]


def test_every_data_set_that_a_row_may_stand_for_has_a_name():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "params.schema.yaml").read_text(encoding="utf-8"))
    row = next(iter(schema["properties"]["datasets"]["patternProperties"].values()))
    assert list(PAPER_DATASETS) == row["properties"]["stands_for"]["enum"]


def test_every_figure_is_of_a_known_data_set(paper):
    assert {line["dataset"] for line in paper} <= PAPER_DATASETS.keys()


@pytest.mark.parametrize(("dataset", "claimed"), [("flowers", 27.3), ("church", 3.43)])
def test_table_3_gives_the_reductions_that_the_paper_claims(paper, dataset, claimed):
    fid = tables.published_fid(paper, "table3")
    reduction = 100.0 * (1.0 - fid["both", dataset] / fid["baseline", dataset])
    assert math.isclose(reduction, claimed, abs_tol=0.05)
