"""The paper's data sets, its families and its Table 3."""

import csv
import math
from pathlib import Path

import pytest
import yaml

from selfrefine.report import paper_values
from selfrefine.report.paper_values import PAPER_DATASETS, PAPER_FAMILIES

WORKFLOW = Path(__file__).parents[2] / "workflow"


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
    fid = paper_values.published_fid(paper, "table3")
    reduction = 100.0 * (1.0 - fid["both", dataset] / fid["baseline", dataset])
    assert math.isclose(reduction, claimed, abs_tol=0.05)


def test_every_family_has_both_rows_of_table_1_and_its_row_of_table_6(paper):
    first = {line["row"] for line in paper if line["table"] == "table1"}
    assert first == {f"{family}/{row}" for family in PAPER_FAMILIES for row in ("baseline", "self_refining")}
    sixth = {line["row"] for line in paper if (line["table"], line["dataset"]) == ("table6", "celeba_hq")}
    assert sixth == PAPER_FAMILIES.keys()


def test_the_first_family_is_that_of_table_2(paper):
    one, two = (paper_values.published_fid(paper, table) for table in ("table1", "table2"))
    for row, variant in (("baseline", "baseline"), ("self_refining", "both")):
        assert one[f"ddpm/{row}", "celeba_hq"] == two[variant, "celeba_hq"]


def test_no_figure_stands_twice(paper):
    keys = [(line["table"], line["row"], line["dataset"], line["metric"]) for line in paper]
    assert len(set(keys)) == len(keys)
