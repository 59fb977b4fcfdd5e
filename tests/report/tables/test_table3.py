"""Table 3: the paper's method on every data set, beside the paper's figures."""

import math

import pytest

from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import table3
from tests.support.tiny_metrics import FD, PAPER, generation, published
from tests.support.tiny_results import table_cells, tiny_results, titled

STANDS_FOR = {"shapes": "celeba_hq", "petals": "flowers", "own": ""}
DATA = titled({"shapes": "Shapes", "petals": "Petals", "own": "Own images"})
THREE = [
    published("table3", "baseline", "fid", 27.045) | {"dataset": "flowers"},
    published("table3", "both", "fid", 19.669) | {"dataset": "flowers"},
]


def results(datasets, seeds=1, fork=10.5):
    """Data sets of their own FD; `edge` is a variant that Table 3 has not."""
    figures = FD | {"edge": 9.5, "fork": fork}
    metrics = []
    for number, dataset in enumerate(datasets):
        scaled = {row: (1.0 + number) * value for row, value in figures.items()} | {"both": (9.0, 26.0, 30.0)[number]}
        metrics += [line | {"dataset": dataset} for line in generation(scaled, seeds)]
    places = {name: {"stands_for": there} if there else {} for name, there in STANDS_FOR.items()}
    rows = {
        "datasets": {name: DATA[name] | places[name] | {"main_model": "tiny"} for name in datasets},
        "models": titled({"tiny": "Tiny DDPM"}),
        "variants": titled({"baseline": "Baseline", "both": "Both", "edge": "Edges"}),
    }
    return tiny_results(metrics, rows=rows, paper=[*PAPER, *THREE])


def lines(*args, **options):
    return records(table3.lines(results(*args, **options)))


def page(*args, **options):
    found = results(*args, **options)
    return table3.page(table3.lines(found), found)


def cells(text, data, row):
    """Of the first table that has the row."""
    return next(line for line in table_cells(text, data) if line[2] == row)


def test_the_papers_method_and_the_reference_on_every_data_set():
    found = {(line["dataset"], line["row"]): line for line in lines(STANDS_FOR)}
    assert list(found) == [(data, row) for data in STANDS_FOR for row in ("baseline", "both")]
    assert {line["metric"] for line in found.values()} == {"fd_test"}
    flowers = found["petals", "both"]
    assert list(flowers) == table3.COLUMNS
    assert flowers["paper"] == 19.669
    assert math.expm1(flowers["paper_difference"]) == pytest.approx(-0.273, abs=5e-4)
    assert flowers["difference"] == pytest.approx(math.log(26.0 / 20.0))
    assert found["shapes", "both"]["paper"] == 8.369  # of Table 2
    assert math.isnan(found["petals", "baseline"]["paper_difference"])
    assert math.isnan(found["own", "both"]["paper"])
    assert math.isnan(found["own", "both"]["paper_difference"])


def test_page_puts_the_papers_change_beside_ours():
    text = page(STANDS_FOR)
    row = cells(text, "Petals", "Both")
    assert row[1:5] == ["Oxford 102 Flower", "Both", "19.669", "-27.3 %"]
    assert row[5:9] == ["26.00", "+30.0 %", "26.00 (no interval)", "+30.0 %"]
    assert row[-1] == "not assessed"
    assert cells(text, "Shapes", "Both")[1:5] == ["CelebA-HQ", "Both", "8.369", "-6.9 %"]
    assert cells(text, "Own images", "Both")[1:5] == ["-", "Both", "-", "-"]
    assert text.count("- Experiment smoke: Tiny DDPM on ") == 3
    assert "nan" not in text


def test_six_seeds_are_judged_on_each_data_set():
    found = {(line["dataset"], line["network"], line["row"]): line["verdict"] for line in lines(STANDS_FOR, seeds=6)}
    verdicts = [found[data, "vgg16_conv5_gap", "both"] for data in STANDS_FOR]
    assert verdicts == ["better", "worse", "equivalent"]


def test_a_baseline_that_still_improves_is_named_with_its_data_set():
    assert "**Baseline on Petals still improving: FD 50 % lower" in page(["shapes", "petals"], fork=20.0)
    assert "still improving" not in page(["shapes", "petals"])


def test_one_data_set_is_no_table_3():
    assert "One data set is selected" in page(["shapes"])
    assert "One data set is selected" not in page(["shapes", "petals"])
