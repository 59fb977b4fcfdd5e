"""Lines of controls.csv: which rows are controls of which, what their maps are, what the forward process predicts."""

import math

import pytest

from selfrefine.report import results, seed_statistics
from selfrefine.report.tables import contrasts
from tests.support.tiny_metrics import AGAIN, FD, ROWS, SAMPLINGS, generation
from tests.support.tiny_refined import VARIANTS, readouts, refined

CONTROLS = ["baseline", "forward", "both", "uniform", "cells", "real_map", "ddpm_ip"]
FIGURES = FD | {"forward": 9.8, "uniform": 9.5, "cells": 9.6, "real_map": 9.7, "ddpm_ip": 10.1}
FIGURES |= {"baseline_ancestral": 10.2, "both_ancestral": 9.9, "time_shift": 9.9, "kept": 9.3}


def judgement(confirmatory=(), second_sampler=None):
    return seed_statistics.Judgement("baseline", 0.017, 6, "vgg16_conv5_gap", confirmatory, second_sampler or {})


def table(variants=CONTROLS, seeds=1, confirmatory=(), runs=None, samplings=None):
    samplings = samplings or {}
    metrics = generation({row: FIGURES[row] for row in (*variants, *samplings, "fork", "floor")}, seeds)
    runs = runs or refined(variants, seeds)
    pairs = contrasts.pairs(variants, "baseline", contrasts.controls_of(runs), samplings)
    found = judgement(confirmatory, AGAIN if samplings else {}).contrasts(metrics, pairs)
    scale = seed_statistics.scales(metrics, "smoke", ROWS)
    lines = contrasts.lines(found, metrics, readouts(variants, seeds), runs, scale)
    return {(line["row"], line["reference"]): line for line in lines if line["network"] == "alexnet_conv5_gap"}


def test_a_control_differs_in_the_map_alone():
    found = contrasts.controls_of(refined(VARIANTS))
    assert found == {"forward": {}, "both": {"uniform": "uniform", "cells": "cells", "real_map": "real_map"}}


def test_every_row_to_the_reference_and_the_flaw_map_to_its_controls():
    lines = table()
    to_reference = [(row, "baseline") for row in CONTROLS[1:]]
    assert list(lines) == [*to_reference, *(("both", row) for row in ("uniform", "cells", "real_map"))]
    for line in lines.values():
        assert set(line) == set(contrasts.COLUMNS)
    direct = lines["both", "uniform"]
    assert direct["difference"] == pytest.approx(math.log(9.0 / 9.5))
    assert math.isnan(direct["image_low"])
    first = lines["both", "baseline"]
    d = math.log(0.9)
    assert (first["image_low"], first["image_high"]) == pytest.approx((d - 0.1, d + 0.1))


def test_untrained_controls_are_compared_and_second_samplers_stand_beside_their_variants():
    lines = table(["baseline", "forward", "both"], 6, samplings=SAMPLINGS)
    assert list(lines) == [
        *((row, "baseline") for row in ("forward", "both", "time_shift", "kept")),
        ("both", "time_shift"),
        ("kept", "both"),
    ]
    assert lines["both", "baseline"]["second_difference"] == pytest.approx(math.log(9.9 / 10.2))
    assert lines["both", "time_shift"]["difference"] == pytest.approx(math.log(9.0 / 9.9))
    assert all(math.isnan(line["second_difference"]) for key, line in lines.items() if key != ("both", "baseline"))
    for line in lines.values():
        assert set(line) == set(contrasts.COLUMNS)
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
    line = lines["both", "baseline"]
    assert (line["slope_low"], line["slope_high"]) == pytest.approx((-0.009, -0.009))


def test_maps_are_means_over_refreshes_and_one_like_the_flaw_map_is_no_control():
    lines = table()
    notes = {row: lines[row, "baseline"]["map_note"] for row in CONTROLS[1:]}
    assert notes == dict.fromkeys(CONTROLS[1:], "") | {"real_map": "not a control"}
    assert lines["real_map", "baseline"]["map_mean"] == pytest.approx(0.6)
    assert math.isnan(lines["uniform", "baseline"]["map_r_mfam"])
    assert math.isnan(lines["ddpm_ip", "baseline"]["map_mean"])


def test_an_inverted_map_is_like_the_flaw_map_too():
    runs = refined(["cells"])
    turned = [{**line, "r_mfam": -0.51} for line in runs[0].refreshes]
    key = ("shapes", "tiny", "cells")
    for lines, note in ((turned, "not a control"), (runs[0].refreshes, "")):
        found = contrasts.map_statistics([results.Refined(runs[0].config, lines)])
        assert found[key]["map_note"] == note


@pytest.mark.parametrize(
    ("variant", "slope"), [("both", -0.01), ("uniform", 0.0), ("cells", -0.001), ("real_map", -0.004), ("edge", 0.003)]
)
def test_predicted_slope_is_minus_the_weight_times_the_slope_of_the_map_on_the_flaw_map(variant, slope):
    assert refined([variant])[0].predicted_slope() == pytest.approx(slope)


def test_no_slope_is_predicted_where_the_argument_does_not_hold():
    assert refined(["baseline"])[0].predicted_slope() == 0.0
    assert math.isnan(refined(["ddpm_ip"])[0].predicted_slope())
    run = refined(["both"])[0]
    assert math.isnan(results.Refined(run.config | {"forward": "tgt_add"}, run.refreshes).predicted_slope())
