"""What an experiment selects fills the paper's tables: each row that the paper prints has a run."""

import csv
from pathlib import Path

import pytest

from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
with (ROOT / "workflow/resources/paper_values.csv").open() as stream:
    PUBLISHED = sorted({(line["table"], line["row"], line["dataset"]) for line in csv.DictReader(stream)})
TABLES = {"embedded": None, "paper": None, "small": {"table2", "table7"}}  # `small` answers one question
CASES = [
    (experiment, *row) for experiment, tables in TABLES.items() for row in PUBLISHED if not tables or row[0] in tables
]


def runs(params, table, row, dataset):
    """The runs (data set, model) that have a published row."""
    if table == "figure9":  # of people, and of no variant
        shown = [params["studies"][name] for name in job_config.selected(params, "studies")]
        places = [(row["dataset"], row["model"]) for row in shown]
        return [place for place in places if params["datasets"][place[0]].get("stands_for") == dataset]
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


def test_every_arm_is_also_compared_at_its_own_best_scale_of_the_noise():
    """But for that of another cycle, which is both again."""
    params, _ = read_params(ROOT, "embedded")
    chosen = (params["samplings"][name] for name in job_config.selected(params, "samplings", "fashion_mnist", "ddpm"))
    best = {row["of"] for row in chosen if row["generate_samples"].get("eps_scale") == "best"}
    assert best | {"both_cycle_10"} == {*job_config.selected(params, "variants", "fashion_mnist", "ddpm")}


def test_the_sweep_has_every_value_of_the_papers_search_space():
    """Section 4.1: around the paper's choice, each of the four factors with all else as in it."""
    params, _ = read_params(ROOT, "sweep")
    found = {"cycle": set(), "forward_weight": set(), "reverse_weight": set()}
    chosen = {"cycle": 100, "forward_weight": 0.01, "reverse_weight": 0.025}
    for variant in params["select"]["variants"]:
        names = {"dataset": "fashion_mnist", "model": "ddpm", "variant": variant, "seed": "0"}
        leaves = job_config.job(params, "train_refined", names)
        moved = [leaf for leaf, value in chosen.items() if leaves[leaf] != value]
        if (leaves["forward"], leaves["reverse"], leaves["map"]) == ("xt", "kv", "mfam") and len(moved) <= 1:
            for leaf in moved or found:
                found[leaf].add(leaves[leaf])
    weights = {0.01, 0.025, 0.05, 0.1}
    assert found == {"cycle": {10, 50, 100, 500, 1000}, "forward_weight": weights, "reverse_weight": weights}
    phases = [
        [
            job_config.job(params, phase, {"dataset": "fashion_mnist", "model": model})["steps"]
            for phase in job_config.PHASES
        ]
        for model in params["select"]["models"]
    ]
    assert sorted(base / refined for base, refined in phases) == [0.25, 1.0, 4.0]
