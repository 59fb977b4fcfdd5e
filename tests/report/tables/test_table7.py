"""Table 7: the paper's maps, in both forms, beside the flaw map."""

import math

import pytest

from selfrefine.report import seed_statistics
from selfrefine.report.results import Refined
from selfrefine.report.tables import table2, table7
from tests.support.tiny_metrics import FD, PAPER, ROWS, generation, published
from tests.support.tiny_refined import refined

JUDGEMENT = seed_statistics.Judgement("baseline", 0.017, 6, "vgg16_conv5_gap")
TITLES = {"shapes": "Shapes", "tiny": "Tiny DDPM", "baseline": "Baseline", "both": "Both", "edge": "Edges"}
TITLES |= {"edge_matched": "Edges, matched"}
SEVEN = [
    published("table7", "baseline", "fid", 8.985),
    published("table7", "both", "fid", 8.369),
    published("table7", "edge", "fid", 8.739),
    published("table7", "gaussian_center", "fid", 10.103),
]


def lines(*others, seeds=1):
    figures = FD | {"edge": 9.4, "edge_matched": 9.2, "uniform": 9.3, "real_map_matched": 9.1}
    variants = ("baseline", "both", *others)
    metrics = generation({row: figures[row] for row in (*variants, "fork", "floor")}, seeds)
    scale, stands_for = seed_statistics.scales(metrics, "smoke", ROWS), {"shapes": "celeba_hq"}
    whole = table2.table2(metrics, PAPER, JUDGEMENT, stands_for, scale)
    return table7.lines(whole, [*PAPER, *SEVEN], refined(variants, seeds), stands_for)


def test_both_forms_and_the_papers_figure_beside_the_first():
    found = {line["row"]: line for line in lines("edge", "edge_matched", "uniform", "real_map_matched")}
    assert list(found) == ["baseline", "both", "edge", "edge_matched"]
    assert [line["form"] for line in found.values()] == [*["as in the paper"] * 3, "matched"]
    assert [found[row]["paper"] for row in ("baseline", "both", "edge")] == [8.985, 8.369, 8.739]
    assert math.isnan(found["edge_matched"]["paper"])
    assert found["edge"]["map_mean"] == pytest.approx(0.1)
    assert found["edge"]["difference"] == pytest.approx(math.log(0.94))
    assert list(found["edge"]) == table7.COLUMNS


def test_a_data_set_without_another_map_is_left_out():
    figures = FD | {"edge": 9.4}
    metrics, variants = generation(figures), ("baseline", "both")
    shoes = [{**line, "dataset": "shoes"} for line in generation(FD)]
    runs = [*refined((*variants, "edge")), *(run_on("shoes", run) for run in refined(variants))]
    rows = ROWS | {"datasets": ROWS["datasets"] | {"shoes": {"title": "Shoes", "stands_for": "celeba_hq"}}}
    both, stands_for = [*metrics, *shoes], dict.fromkeys(rows["datasets"], "celeba_hq")
    whole = table2.table2(both, PAPER, JUDGEMENT, stands_for, seed_statistics.scales(both, "smoke", rows))
    found = table7.lines(whole, [*PAPER, *SEVEN], runs, stands_for)
    assert {(line["dataset"], line["row"]) for line in found} == {("shapes", row) for row in (*variants, "edge")}


def run_on(dataset, run):
    return Refined(run.config | {"names": run.config["names"] | {"dataset": dataset}}, run.refreshes)


def test_rows_that_are_not_selected_are_not_printed():
    assert {line["row"] for line in lines("edge")} == {"baseline", "both", "edge"}


@pytest.mark.parametrize("others", [(), ("uniform",)])
def test_without_another_map_of_table_7_the_page_says_so(others):
    assert lines(*others) == []
    assert "No other map of Table 7 is selected" in table7.page([], judgement=JUDGEMENT, titles=TITLES)


@pytest.mark.parametrize(("seeds", "told"), [(1, "not assessed"), (6, "better")])
def test_page(seeds, told):
    text = table7.page(lines("edge", "edge_matched", seeds=seeds), judgement=JUDGEMENT, titles=TITLES)
    first = next(line for line in text.splitlines() if line.startswith("| Edges "))
    cells = [cell.strip() for cell in first.split("|")[1:-1]]
    assert cells[:5] == ["Edges", "as in the paper", "0.100", "8.739", "-2.7 %"]
    assert cells[-1] == told
    assert "nan" not in text
