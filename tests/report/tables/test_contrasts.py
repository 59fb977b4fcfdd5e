"""Lines of controls.csv: which rows are controls of which, what their maps are, what the forward process predicts."""

import math

import pytest

from selfrefine.report import results
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import contrasts
from tests.support.tiny_controls import CONTROLS, control_results, sampled_results
from tests.support.tiny_refined import VARIANTS, Refined, refined, refreshes
from tests.support.wrong_params import project_params


def by_pair(found):
    lines = records(contrasts.lines(found))
    return {(line["row"], line["reference"]): line for line in lines if line["network"] == "alexnet_conv5_gap"}


def table(*args, **options):
    return by_pair(control_results(*args, **options))


def slope(run):
    return results.runs([run])["slope_predicted"].item()


def test_a_control_differs_in_the_map_alone():
    found = contrasts.controls_of(results.runs(refined(VARIANTS)))
    assert found == {"forward": {}, "both": {"uniform": "uniform", "cells": "cells", "real_map": "real_map_matched"}}


def test_every_control_that_judges_is_as_strong_as_the_flaw_map():
    runs = results.runs(refined(VARIANTS))
    (of_both,) = (rows for rows in contrasts.controls_of(runs).values() if rows)
    assert of_both.keys() == set(contrasts.CONTROLS)
    means = runs.set_index("variant")["map_mean"]
    assert {row: means[row] for row in of_both.values()} == pytest.approx(
        dict.fromkeys(of_both.values(), means["both"])
    )
    assert means["real_map"] != pytest.approx(means["both"])  # of the row that is turned away


def test_each_process_has_every_control_among_the_rows_of_params():
    params = project_params()
    rows = {name: params["train_refined"] | row["train_refined"] for name, row in params["variants"].items()}
    runs = [
        Refined(leaves | {"names": {"dataset": "d", "model": "m", "variant": name, "seed": "0"}}, refreshes([]))
        for name, leaves in rows.items()
    ]
    found = contrasts.controls_of(results.runs(runs))
    assert all(found[arm].keys() == set(contrasts.CONTROLS) for arm in ("forward", "reverse", "both"))


@pytest.mark.parametrize("experiment", ["small", "paper", "sweep"])
def test_the_maps_of_a_confirmatory_list_are_as_strong_as_the_flaw_map(experiment):
    params = project_params(experiment)
    for _, row, *_ in params["make_tables"]["confirmatory"]:
        leaves = params["train_refined"] | params["variants"][row]["train_refined"]
        assert leaves["map"] not in contrasts.CONTROLS or contrasts.control_kind(leaves) == leaves["map"]


def test_every_row_to_the_reference_and_the_flaw_map_to_its_controls():
    lines = table()
    to_reference = [(row, "baseline") for row in CONTROLS[1:]]
    assert list(lines) == [*to_reference, *(("both", row) for row in ("uniform", "cells", "real_map_matched"))]
    assert list(lines["both", "baseline"]) == contrasts.COLUMNS
    direct = lines["both", "uniform"]
    assert direct["difference"] == pytest.approx(math.log(9.0 / 9.5))
    assert math.isnan(direct["image_low"])
    first = lines["both", "baseline"]
    d = math.log(0.9)
    assert (first["image_low"], first["image_high"]) == pytest.approx((d - 0.1, d + 0.1))


def test_untrained_controls_are_compared_and_second_samplers_stand_beside_their_variants():
    lines = by_pair(sampled_results(["baseline", "forward", "both"], 6))
    assert list(lines) == [
        *((row, "baseline") for row in ("forward", "both", "time_shift", "kept")),
        ("both", "time_shift"),
        ("kept", "both"),
    ]
    assert lines["both", "baseline"]["second_difference"] == pytest.approx(math.log(9.9 / 10.2))
    assert lines["both", "time_shift"]["difference"] == pytest.approx(math.log(9.0 / 9.9))
    assert all(math.isnan(line["second_difference"]) for key, line in lines.items() if key != ("both", "baseline"))
    assert math.isnan(lines["time_shift", "baseline"]["map_mean"])


def test_one_seed_has_its_d_and_nothing_over_seeds():
    line = table()["both", "baseline"]
    assert line["by_seed"] == f"0:{math.log(0.9):.9g}"
    assert (line["n_seeds"], line["verdict"]) == (1, "not assessed")
    assert all(math.isnan(line[column]) for column in ("low", "high", "p", "p_holm"))
    assert (line["slope_low"], line["slope_high"]) == pytest.approx((-0.011, -0.007))


def test_six_seeds_are_judged_and_the_listed_ones_after_holm():
    listed = [("both", "uniform"), ("cells", "baseline")]
    lines = table(seeds=6, confirmatory=listed)
    assert [item.partition(":")[0] for item in lines["both", "baseline"]["by_seed"].split()] == list("012345")
    assert lines["both", "baseline"]["verdict"] == "better"
    assert list(lines)[:2] == listed
    assert {line["kind"] for line in lines.values()} == {"exploratory"}  # AlexNet is not the primary network
    assert math.isnan(lines["both", "baseline"]["slope_low"])  # it is the same in every seed


def test_maps_are_means_over_refreshes_and_one_like_the_flaw_map_is_no_control():
    lines = table()
    notes = {row: lines[row, "baseline"]["map_note"] for row in CONTROLS[1:]}
    assert notes == dict.fromkeys(CONTROLS[1:], "") | {"real_map_matched": "not a control"}
    assert lines["real_map_matched", "baseline"]["map_mean"] == pytest.approx(0.4)
    assert math.isnan(lines["uniform", "baseline"]["map_r_mfam"])
    assert math.isnan(lines["ddpm_ip", "baseline"]["map_mean"])


def test_an_inverted_map_is_like_the_flaw_map_too():
    (run,) = refined(["cells"])
    turned = Refined(run.config, run.refreshes.assign(r_mfam=-0.51))
    for one, note in ((turned, "not a control"), (run, "")):
        assert contrasts.map_statistics(results.runs([one]))["map_note"].item() == note


@pytest.mark.parametrize(
    ("variant", "predicted"),
    [("both", -0.01), ("uniform", 0.0), ("cells", -0.001), ("real_map", -0.004), ("edge", 0.003), ("baseline", 0.0)],
)
def test_predicted_slope_is_minus_the_weight_times_the_slope_of_the_map_on_the_flaw_map(variant, predicted):
    assert slope(refined([variant])[0]) == pytest.approx(predicted)


def test_no_slope_is_predicted_where_the_argument_does_not_hold():
    assert math.isnan(slope(refined(["ddpm_ip"])[0]))
    (run,) = refined(["both"])
    assert math.isnan(slope(Refined(run.config | {"forward": "tgt_add"}, run.refreshes)))
