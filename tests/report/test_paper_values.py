"""The paper's data sets, its families and its Table 3."""

import math
from pathlib import Path

import pandas as pd
import pytest
import yaml

from selfrefine.report import paper_values
from selfrefine.report.paper_values import PAPER_DATASETS, PAPER_FAMILIES
from tests.support.tiny_results import REAL_PAPER as PAPER

WORKFLOW = Path(__file__).parents[2] / "workflow"


def fid(table, row, dataset):
    (value,) = paper_values.published_fid(PAPER, pd.Series([row]), dataset, table)
    return value


def rows(table, dataset):
    return set(PAPER.loc[(PAPER["table"] == table) & (PAPER["dataset"] == dataset), "row"])


def test_every_data_set_that_a_row_may_stand_for_has_a_name():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "params.schema.yaml").read_text(encoding="utf-8"))
    row = next(iter(schema["properties"]["datasets"]["patternProperties"].values()))
    assert list(PAPER_DATASETS) == row["properties"]["stands_for"]["enum"]


def test_every_figure_is_of_a_known_data_set():
    assert {*PAPER["dataset"]} <= PAPER_DATASETS.keys()


@pytest.mark.parametrize(("dataset", "claimed"), [("flowers", 27.3), ("church", 3.43)])
def test_table_3_gives_the_reductions_that_the_paper_claims(dataset, claimed):
    reduction = 100.0 * (1.0 - fid("table3", "both", dataset) / fid("table3", "baseline", dataset))
    assert math.isclose(reduction, claimed, abs_tol=0.05)


def test_every_family_has_both_rows_of_table_1_and_its_row_of_table_6():
    both = {f"{family}/{row}" for family in PAPER_FAMILIES for row in ("baseline", "self_refining")}
    assert rows("table1", "celeba_hq") == both
    assert rows("table6", "celeba_hq") == PAPER_FAMILIES.keys()


@pytest.mark.parametrize(("row", "variant"), [("baseline", "baseline"), ("self_refining", "both")])
def test_the_first_family_is_that_of_table_2(row, variant):
    assert fid("table1", f"ddpm/{row}", "celeba_hq") == fid("table2", variant, "celeba_hq")


def test_a_figure_that_the_paper_has_not_is_absent():
    assert math.isnan(fid("table2", "uniform", "celeba_hq"))
    assert math.isnan(fid("table2", "both", ""))


def test_no_figure_stands_twice():
    assert not PAPER.duplicated(["table", "row", "dataset", "metric"]).any()
