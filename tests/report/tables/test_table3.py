"""Table 3: the paper's method on every data set, beside the paper's figures."""

import math

import pytest

from selfrefine.report import seed_statistics
from selfrefine.report.tables import table2, table3
from tests.support.tiny_metrics import FD, PAPER, generation, published

JUDGEMENT = seed_statistics.Judgement("baseline", 0.017, 6, "vgg16_conv5_gap")
TITLES = {"shapes": "Shapes", "petals": "Petals", "own": "Own images", "tiny": "Tiny DDPM"}
TITLES |= {"baseline": "Baseline", "both": "Both", "edge": "Edges"}
STANDS_FOR = {"shapes": "celeba_hq", "petals": "flowers", "own": ""}
ROWS = {
    "datasets": {name: {"title": TITLES[name]} for name in STANDS_FOR},
    "models": {"tiny": {"title": "Tiny DDPM", "steps": [600, 1500]}},
}
THREE = [
    published("table3", "baseline", "fid", 27.045) | {"dataset": "flowers"},
    published("table3", "both", "fid", 19.669) | {"dataset": "flowers"},
]


def lines(datasets, seeds=1, fork=10.5):
    """Two data sets of their own FD; `edge` is a variant that Table 3 has not."""
    figures = FD | {"edge": 9.5, "fork": fork}
    metrics = []
    for number, dataset in enumerate(datasets):
        scaled = {row: (1.0 + number) * value for row, value in figures.items()} | {"both": (9.0, 26.0, 30.0)[number]}
        metrics += [line | {"dataset": dataset} for line in generation(scaled, seeds)]
    scale = seed_statistics.scales(metrics, "smoke", ROWS)
    whole = table2.table2(metrics, PAPER, JUDGEMENT, STANDS_FOR, scale)
    return table3.lines(whole, [*PAPER, *THREE], "baseline", STANDS_FOR)


def page(table):
    return table3.page(table, judgement=JUDGEMENT, titles=TITLES)


def cells(text, data, row):
    """Of the first table that has the row."""
    split = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return next(line for line in split if (line[0], line[2]) == (data, row))


def test_the_papers_method_and_the_reference_on_every_data_set():
    found = {(line["dataset"], line["row"]): line for line in lines(STANDS_FOR)}
    assert list(found) == [(data, row) for data in STANDS_FOR for row in ("baseline", "both")]
    for line in found.values():
        assert list(line) == table3.COLUMNS
        assert line["metric"] == "fd_test"
    flowers = found["petals", "both"]
    assert flowers["paper"] == 19.669
    assert math.expm1(flowers["paper_difference"]) == pytest.approx(-0.273, abs=5e-4)
    assert flowers["difference"] == pytest.approx(math.log(26.0 / 20.0))
    assert found["shapes", "both"]["paper"] == 8.369  # of Table 2
    assert math.isnan(found["petals", "baseline"]["paper_difference"])
    assert math.isnan(found["own", "both"]["paper"])
    assert math.isnan(found["own", "both"]["paper_difference"])


def test_page_puts_the_papers_change_beside_ours():
    text = page(lines(STANDS_FOR))
    row = cells(text, "Petals", "Both")
    assert row[1:7] == ["Oxford 102 Flower", "Both", "19.669", "-27.3 %", "26.00 (no interval)", "+30.0 %"]
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
    assert "**Baseline on Petals still improving: FD 50 % lower" in page(lines(["shapes", "petals"], fork=20.0))
    assert "still improving" not in page(lines(["shapes", "petals"]))


def test_one_data_set_is_no_table_3():
    assert "One data set is selected" in page(lines(["shapes"]))
    assert "One data set is selected" not in page(lines(["shapes", "petals"]))
