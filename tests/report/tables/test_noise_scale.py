"""Scales of the noise in controls.csv, Table 2 and their pages, and what of the choice stands beside them."""

import math

import pytest

from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import contrasts, contrasts_page, noise_scale, table2
from tests.support.tiny_controls import control_results, scaled_results
from tests.support.tiny_metrics import NOISE, scales
from tests.support.tiny_results import table_cells


def by_pair(found, network="vgg16_conv5_gap"):
    lines = records(contrasts.lines(found))
    return {(line["row"], line["reference"]): line for line in lines if line["network"] == network}


def page_of(found):
    return contrasts_page.page(contrasts.lines(found), found)


def table2_page(found):
    return table2.page(table2.lines(found), found)


def test_scaled_rows_are_compared_with_their_network_and_best_ones_with_the_reference_at_its_best():
    lines = by_pair(scaled_results(6))
    assert list(lines) == [
        *((row, "baseline") for row in ("forward", "both", "baseline_noise", "fork_noise")),
        ("fork_noise", "fork"),
        ("both_best", "baseline_best"),
        ("baseline_best", "baseline"),
        ("both_best", "both"),
    ]
    best = lines["both_best", "baseline_best"]
    assert best["difference"] == pytest.approx(math.log(8.1 / 8.0))
    assert (best["verdict"], best["n_seeds"]) == ("equivalent", 6)
    assert (lines["both", "baseline"]["verdict"], lines["baseline_best", "baseline"]["verdict"]) == ("better", "better")
    assert lines["fork_noise", "fork"]["difference"] == pytest.approx(math.log(8.9 / 10.5))
    assert all(math.isnan(line["second_difference"]) for line in lines.values())


def test_rows_of_a_scale_are_no_second_sampler_and_change_no_verdict():
    plain, found = scaled_results(6, both_best=16.0), scaled_results(6)
    assert found.judgement.second_sampler == {}
    assert found.judgement.apart == {"baseline_best", "both_best"}
    assert by_pair(plain)["both", "baseline"] == pytest.approx(by_pair(found)["both", "baseline"], nan_ok=True)


@pytest.mark.parametrize("seeds", [1, 3, 6])
def test_the_page_shows_each_contrast_and_what_was_chosen(seeds):
    text = page_of(scaled_results(seeds))
    assert "nan" not in text
    assert "- Best noise: the same network with its predicted noise times the factor that is best for it." in text
    (first, _) = (cells for cells in table_cells(text, "Both, best noise") if cells[1] == "Baseline, best noise")
    assert first[2] == "+1.2 %"
    assert [cells[2] for cells in table_cells(text, "Fork, noise x 1.01") if cells[1] == "Base model at the fork"] == [
        "-15.2 %"
    ] * 2
    section = text.partition("### Scale of the noise")[2].partition("###")[0]
    chosen = "1.017" if seeds == 1 else f"{(1.0167 + 1.02 * (seeds - 1)) / seeds:.4g} (1.0167 to 1.02)"
    assert table_cells(section, "Both") == [
        ["Both, best noise", chosen, str(seeds), "+33.3 %", "+0.0 %", "-5.6 %", "+5.6 %"]
    ]
    assert table_cells(section, "Baseline")[0][1] == "1.027"
    assert "x 1.0267" not in section
    assert "at an end" not in section


def test_a_best_scale_at_an_end_of_the_list_is_told():
    tried = scales(
        3,
        {
            "baseline_best": {0.98: 3.0, 1.0: 2.0, 1.06: 1.0, 1.03: 1.5},
            "both_best": {0.98: 3.0, 1.0: 1.0, 1.06: 2.0, 1.02: 1.1},
        },
    )
    text = page_of(scaled_results(3, tried=tried))
    assert "**Baseline, best noise: the best scale is at an end of the list and may lie beyond it; " in text


def test_without_such_rows_nothing_is_said_of_them():
    found = control_results(["baseline", "both"])
    for text in (page_of(found), table2_page(found)):
        assert "noise" not in text.replace("amplified noise", "").replace("predicted noise where", "")
    assert noise_scale.lines(found).empty


@pytest.mark.parametrize("seeds", [1, 6])
def test_table_2_shows_the_rows_and_tells_of_the_references_scale(seeds):
    found = scaled_results(seeds)
    table = table2.lines(found)
    assert {*table["row"]} == {"baseline", "both", "fork", "floor", *NOISE}
    headline = table[(table["metric"] == "fd_test") & (table["network"] == "vgg16_conv5_gap")].set_index("row")
    assert headline.loc["baseline_noise", "difference"] == pytest.approx(math.log(0.85))
    assert headline.loc[["baseline_best", "both_best"], ["difference", "image_difference_low"]].isna().all(axis=None)
    assert list(headline.loc[["baseline_best", "both_best"], "verdict"]) == ["", ""]
    text = table2_page(found)
    assert (
        "**Baseline: its FD to training photographs is least with its noise x 1.027: -25.0 %, without any tra" in text
    )
    assert "- Baseline, best noise; Both, best noise: the same networks with their predicted noise times" in text
    assert "nan" not in text


def test_every_scale_that_was_tried_stands_in_the_csv_with_its_seed():
    table = noise_scale.lines(scaled_results(2))
    assert list(table) == noise_scale.COLUMNS
    assert table.groupby(["row", "seed"]).size().tolist() == [5] * 4
    assert table.groupby(["row", "seed"])["chosen"].sum().tolist() == [1] * 4
