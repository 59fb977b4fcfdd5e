"""What a row took, beside what it is worth: in the files, on the pages, with intervals and verdicts as any other."""

import pandas as pd
import pytest

from selfrefine.metrics.contrasts import second_samplers
from selfrefine.report import costs
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import contrasts, contrasts_page, table2
from tests.support.tiny_metrics import FD, ROWS, SAMPLINGS, generation
from tests.support.tiny_refined import VARIANTS, Refined, refreshes
from tests.support.tiny_results import table_cells, tiny_results

GUIDED = {"title": "Baseline, guided", "of": "baseline", "guided_by": "fork", "correction": "none"}
TOOK = {"fork": [600, 10], "baseline": [2100, 10], "both": [2100, 10], "guided": [2100, 20], "plain": [3600, 10]}


def results(guided=9.0, seeds=6, runs=()):
    words = ROWS["datasets"]["shapes"]
    datasets = {"shapes": words | {"models": {"tiny": {"steps": [600, 1500], "costs": TOOK}}}}
    variants = ROWS["variants"] | {"plain": {"title": "Plain"}}
    rows = ROWS | {"datasets": datasets, "variants": variants, "samplings": {"guided": GUIDED}}
    return tiny_results(generation(FD | {"guided": guided, "plain": 10.2}, seeds), runs, rows=rows)


def test_costs_stand_beside_each_row_and_are_whole_numbers_or_empty():
    table = costs.with_costs(pd.DataFrame({"dataset": "shapes", "model": "tiny", "row": [*TOOK, "floor"]}), results())
    assert table.to_csv(index=False).splitlines()[1:] == [
        *(f"shapes,tiny,{row},{updates},{evaluations}" for row, (updates, evaluations) in TOOK.items()),
        "shapes,tiny,floor,,",
    ]
    assert costs.texts(table)["Updates"] == ["600", "2,100", "2,100", "2,100", "3,600", "-"]


def test_table_2_has_guided_rows_with_their_cost():
    found = results()
    table = table2.lines(found)
    assert {*table["row"]} == {"baseline", "both", "guided", "fork", "floor"}
    taken = {line["row"]: (line["updates"], line["evaluations"]) for line in records(table) if line["row"] != "floor"}
    assert taken == {row: tuple(TOOK[row]) for row in ("baseline", "both", "guided", "fork")}
    cells = [line[-2:] for line in table_cells(table2.page(table, found), "Baseline, guided") if len(line) == 9]
    assert cells == [["2,100", "20"]] * 2


def test_how_to_read_them_tells_of_discriminators_where_there_are_any():
    plain, judged = results(), results()
    judged.rows["samplings"]["judged"] = {"title": "Judged", "of": "baseline", "discriminated_by": "noisy"}
    assert costs.how_to_read(plain) == costs.HOW_TO_READ
    assert costs.how_to_read(judged).startswith(f"{costs.HOW_TO_READ}- Judged: updates with those of the discriminator")


def test_table_2_has_other_training_without_a_map():
    names = {"dataset": "shapes", "model": "tiny", "variant": "plain", "seed": "0"}
    runs = [Refined(VARIANTS["baseline"] | {"min_snr_gamma": 5.0, "names": names}, refreshes([]))]
    assert "plain" not in {*table2.lines(results())["row"]}
    assert "plain" in {*table2.lines(results(runs=runs))["row"]}


@pytest.mark.parametrize(("fd", "verdict"), [(9.0, "better"), (11.0, "worse"), (10.0, "equivalent")])
def test_a_guided_row_is_judged_as_any_other(fd, verdict):
    found = results(fd)
    lines = {(line["row"], line["reference"]): line for line in records(contrasts.lines(found))}
    line = lines["guided", "baseline"]
    assert (line["verdict"], line["n_seeds"], line["updates"], line["evaluations"]) == (verdict, 6, 2100, 20)
    page = contrasts_page.page(contrasts.lines(found), found)
    assert any({"2,100", "20", verdict} <= {*cells} for cells in table_cells(page, "Baseline, guided"))


@pytest.mark.parametrize("key", ["guided_by", "discriminated_by"])
@pytest.mark.parametrize("of", ["baseline", "both", "fork"])
def test_a_guide_is_no_second_sampler_and_meets_the_reference_and_its_own_network(of, key):
    row = {"guided": {"title": "X", "of": of, key: "some", "correction": "none"}} | SAMPLINGS
    found = contrasts.pairs(["baseline", "both"], "baseline", {}, row)
    own = [] if of == "baseline" else [("guided", of)]
    assert [pair for pair in found if "guided" in pair] == [("guided", "baseline"), *own]
    assert second_samplers(row) == {"baseline": "baseline_ancestral", "both": "both_ancestral"}
