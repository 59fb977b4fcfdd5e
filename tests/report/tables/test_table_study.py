"""table_study.csv and its page, of an imagined study with people, without any, and of none."""

import math

from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import table_study
from tests.support import tiny_picks
from tests.support.tiny_metrics import FD, generation, published
from tests.support.tiny_results import table_cells, tiny_results

PAPER = [published("figure9", "flaw", "match", 0.87)]


def made(**options):
    """Lines by row and metric, and the page."""
    found = tiny_results(generation(FD), paper=PAPER, studies=tiny_picks.metrics(**options))
    table = table_study.lines(found)
    return {(line["row"], line["metric"]): line for line in records(table)}, table_study.page(table, found)


def test_each_figure_stands_beside_its_chance_and_the_papers_beside_both_readings():
    lines, page = made(left_out=1)
    flaw = lines["flaw", "share"], lines["flaw", "any_match"]
    assert [line["paper"] for line in flaw] == [0.87, 0.87]
    assert [round(line["chance"], 4) for line in flaw] == [0.1875, 0.4893]
    assert (flaw[0]["low"], flaw[0]["high"]) == (0.4, 0.6)
    for key, line in lines.items():
        assert math.isnan(line["paper"]) == (key[0] != "flaw"), key
        assert math.isnan(line["chance"]) == (key[1] not in ("share", "any_match")), key
        assert line["note"] == ""
    told = {cells[0]: cells[1:] for cells in table_cells(page)}
    assert told["Paper: 15 people, one of both"] == ["0.87", "0.87", "-"]
    assert told["Flaw map"] == ["0.500 [0.400, 0.600]", "0.800 [0.700, 0.900]", "-"]
    assert told["Flaw maps of the other images"][2] == "+0.200 [+0.100, +0.300]"
    assert told["Three cells at random"] == ["0.188", "0.489", "-"]
    assert told["People who were left out by the catch rule"] == ["1"]
    assert "Experiment smoke: Tiny DDPM on Shapes, seed 0, 24 generated images, 15 people." in page
    assert table_study.NONE_YET not in page


def test_without_participants_the_table_says_so_beside_chance_and_the_papers_figure():
    lines, page = made(people=0)
    assert {*lines} == {(row, metric) for row in ("flaw", "chance") for metric in ("share", "any_match")}
    assert all(math.isnan(lines["flaw", metric]["value"]) for metric in ("share", "any_match"))
    assert [lines["flaw", metric]["paper"] for metric in ("share", "any_match")] == [0.87, 0.87]
    assert {line["note"] for line in lines.values()} == {"no participants yet"}
    assert "**No participants yet.**" in page
    told = {cells[0]: cells[1:] for cells in table_cells(page)}
    assert told["Flaw map"] == ["-", "-", "-"]
    assert told["Paper: 15 people, one of both"][:2] == ["0.87", "0.87"]


def test_where_all_were_left_out_it_says_that():
    lines, page = made(people=0, left_out=3)
    assert {line["note"] for line in lines.values()} == {"every participant was left out by the catch rule"}
    assert "no participants yet" not in page.lower()


def test_without_a_study_the_page_says_where_one_is_named():
    found = tiny_results(generation(FD), paper=PAPER)
    table = table_study.lines(found)
    assert table.empty
    assert list(table.columns) == table_study.COLUMNS
    assert "select.studies in params.yaml" in table_study.page(table, found)
