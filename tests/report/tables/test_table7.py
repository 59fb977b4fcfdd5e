"""Table 7: the paper's maps, in both forms, beside the flaw map."""

import math

import pytest

from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import table7
from tests.support.tiny_metrics import FD, PAPER, ROWS, generation, published
from tests.support.tiny_refined import refined
from tests.support.tiny_results import table_cells, tiny_results, titled

SEVEN = [
    published("table7", "baseline", "fid", 8.985),
    published("table7", "both", "fid", 8.369),
    published("table7", "edge", "fid", 8.739),
    published("table7", "gaussian_center", "fid", 10.103),
]
FIGURES = FD | {"edge": 9.4, "edge_matched": 9.2, "uniform": 9.3, "real_map_matched": 9.1}
MAPS = titled({"baseline": "Baseline", "both": "Both", "edge": "Edges", "edge_matched": "Edges, matched"})


def results(*others, seeds=1, metrics=(), runs=(), datasets=None):
    variants = ("baseline", "both", *others)
    own = generation({row: FIGURES[row] for row in (*variants, "fork", "floor")}, seeds)
    rows = ROWS | {"variants": MAPS, "datasets": datasets or ROWS["datasets"]}
    return tiny_results([*own, *metrics], [*refined(variants, seeds), *runs], rows=rows, paper=[*PAPER, *SEVEN])


def lines(*others, **options):
    return records(table7.lines(results(*others, **options)))


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
    shoes = [{**line, "dataset": "shoes"} for line in generation(FD)]
    runs = [run.named(dataset="shoes") for run in refined(("baseline", "both"))]
    datasets = ROWS["datasets"] | {"shoes": ROWS["datasets"]["shapes"] | {"title": "Shoes"}}
    found = lines("edge", metrics=shoes, runs=runs, datasets=datasets)
    assert {(line["dataset"], line["row"]) for line in found} == {("shapes", r) for r in ("baseline", "both", "edge")}


def test_rows_that_are_not_selected_are_not_printed():
    assert {line["row"] for line in lines("edge")} == {"baseline", "both", "edge"}


@pytest.mark.parametrize("others", [(), ("uniform",)])
def test_without_another_map_of_table_7_the_page_says_so(others):
    found = results(*others)
    assert table7.lines(found).empty
    assert "No other map of Table 7 is selected" in table7.page(table7.lines(found), found)


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "not assessed"), (6, "better")])
def test_page(seeds, verdict):
    found = results("edge", "edge_matched", seeds=seeds)
    text = table7.page(table7.lines(found), found)
    cells = table_cells(text, "Edges ")[0]
    assert cells[:5] == ["Edges", "as in the paper", "0.100", "8.739", "-2.7 %"]
    assert cells[-1] == verdict
    assert "nan" not in text
