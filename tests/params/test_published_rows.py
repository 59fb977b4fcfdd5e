"""What an experiment selects fills the paper's tables: each row that the paper prints has a run."""

import csv
from pathlib import Path

import pytest

from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
with (ROOT / "workflow/resources/paper_values.csv").open() as stream:
    PUBLISHED = sorted({(line["table"], line["row"], line["dataset"]) for line in csv.DictReader(stream)})
TABLES = {"embedded": None, "paper": None, "small": None}
CASES = [
    (experiment, *row) for experiment, tables in TABLES.items() for row in PUBLISHED if not tables or row[0] in tables
]


def runs(params, table, row, dataset):
    """The runs (data set, model) that have a published row."""
    model, _, variant = row.rpartition("/") if table == "table1" else (row if table == "table6" else "", "", row)
    found = []
    for name in job_config.selected(params, "datasets"):
        for candidate in job_config.selected(params, "models", name):
            prompted = job_config.is_prompted(params, name, candidate)
            stands_for = params["models"][candidate].get("in_place_of", candidate)
            known = variant.replace("self_refining", params["models"][candidate]["self_refining"])
            alike = params["datasets"][name].get("stands_for") == dataset
            fits = stands_for == model or (not model and (table == "table4") == prompted)
            has = table == "table6" or known in job_config.selected(params, "variants", name, candidate)
            found += [(name, candidate)] if alike and fits and has else []
    return found


@pytest.mark.parametrize(("experiment", "table", "row", "dataset"), CASES)
def test_every_row_that_the_paper_prints_has_a_run(experiment, table, row, dataset):
    params, _ = read_params(ROOT, experiment)
    assert runs(params, table, row, dataset)


def test_a_row_that_is_not_selected_would_be_missed():
    params, _ = read_params(ROOT, "embedded")
    short = job_config.merge(params, {"select": {"variants": ["baseline", "both"]}})
    assert not runs(short, "table7", "edge", "celeba_hq")
    assert runs(short, "table7", "both", "celeba_hq")
