"""Strength of each arm, and what strengths explain: of data of known truth."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from selfrefine.report import results
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import contrasts, dose_response
from tests.support.tiny_controls import control_results
from tests.support.tiny_refined import PLAIN, VARIANTS, Refined, refined, refreshes

ARMS = ["baseline", "forward", "both", "uniform", "cells", "real_map_matched", "ddpm_ip"]


def run(variant, **leaves):
    names = {"dataset": "shapes", "model": "tiny", "variant": variant, "seed": "0"}
    return Refined({**VARIANTS.get(variant, PLAIN), **leaves, "names": names}, refreshes([]))


def controls():
    """Lines of controls.csv in one feature space."""
    table = contrasts.lines(control_results(ARMS))
    return table[table["network"] == "alexnet_conv5_gap"]


def lines(runs=None, controls_of=None):
    found = control_results(ARMS)
    if runs is not None:
        found = dataclasses.replace(found, runs=results.runs(runs))
    table = dose_response.lines(controls() if controls_of is None else controls_of, found)
    return {line["row"]: line for line in records(table)}


def arm(forward, reverse, difference):
    return {"forward_strength": forward, "reverse_strength": reverse, "difference": difference}


def plane(count, seed=0, noise=0.0, offset=0.0):
    """Arms whose difference is 30 x forward - 6 x reverse + offset."""
    draws = np.random.default_rng(seed)
    strengths = draws.uniform(0.0, [0.006, 0.015], (count, 2))
    strengths[::3, 0], strengths[1::3, 1] = 0.0, 0.0
    return pd.DataFrame(
        [arm(f, r, 30.0 * f - 6.0 * r + offset + noise * draws.standard_normal()) for f, r in strengths]
    )


class TestLines:
    def test_strength_is_weight_times_mean_of_map(self):
        found = lines()
        assert list(found) == ARMS[1:]
        strengths = {row: (line["forward_strength"], line["reverse_strength"]) for row, line in found.items()}
        assert strengths["both"] == pytest.approx((0.01 * 0.4, 0.025 * 0.4))
        assert strengths["forward"] == pytest.approx((0.01 * 0.4, 0.0))
        assert strengths["real_map_matched"] == pytest.approx((0.01 * 0.4, 0.025 * 0.4))
        assert [line["process"] for line in found.values()] == ["forward", *["both"] * 4, "ddpm_ip"]
        assert list(found["both"]) == dose_response.COLUMNS
        assert found["both"]["difference"] == pytest.approx(math.log(0.9))

    def test_ddpm_ip_stands_at_the_noise_that_it_adds(self):
        """Its x_t has the noise eps + gamma xi: its standard deviation, measured."""
        draws = np.random.default_rng(0).standard_normal((2, 400_000))
        measured = (draws[0] + 0.1 * draws[1]).std() - 1.0
        found = lines()["ddpm_ip"]
        assert found["forward_strength"] == pytest.approx(measured, abs=0.003)
        assert found["forward_strength"] == pytest.approx(0.00499, abs=1e-5)  # method 1.3: 1.00499
        assert found["reverse_strength"] == 0.0

    def test_reverse_alone_and_weight_zero(self):
        found = lines([run("both", forward_weight=0.02), run("forward", forward="none", reverse="kv")])
        assert found["both"]["forward_strength"] == pytest.approx(0.02 * 0.4)
        assert found["forward"]["process"] == "reverse"
        assert found["forward"]["reverse_strength"] == pytest.approx(0.01)
        found = lines([run("both", reverse_weight=0.0)])
        assert found["both"]["reverse_strength"] == 0.0

    def test_rows_without_a_process_or_a_run_have_no_strength(self):
        """More plain steps are no strength; a sampling has no run of its own."""
        assert list(lines([run("baseline"), run("both"), run("uniform", **PLAIN)])) == ["both"]

    def test_a_row_without_a_seed_of_the_reference_has_no_difference_to_draw(self):
        assert lines([run("both")], controls().assign(n_seeds=0, difference=math.nan)) == {}

    def test_direct_contrasts_are_left_out(self):
        of_both = controls()[controls()["row"] == "both"]
        assert len(of_both) > 1
        assert list(of_both["reference"]).count("baseline") == 1
        assert len(lines()) == len(ARMS) - 1

    def test_real_runs_carry_all_that_is_read(self):
        """The same leaves that the contrasts read, and the reverse weight."""
        assert {"forward", "reverse", "gamma", "forward_weight"} <= refined(["both"])[0].config.keys()


class TestFit:
    @pytest.mark.parametrize("offset", [0.0, 0.05])
    def test_a_plane_is_explained_whole(self, offset):
        """The error of the reference moves all differences alike and counts for nothing."""
        found = dose_response.fit(plane(12, offset=offset))
        assert found.n_arms == 12
        assert found.explained == pytest.approx(1.0, abs=1e-9)
        assert found.r_forward > 0.8
        assert found.r_reverse < 0.0

    def test_differences_that_have_nothing_to_do_with_strength(self):
        rng = np.random.default_rng(1)
        found = dose_response.fit(plane(400).assign(difference=rng.standard_normal(400)))
        assert abs(found.r_forward) < 0.15
        assert abs(found.r_reverse) < 0.15
        assert found.explained < 0.03

    def test_it_is_the_share_that_is_left_after_noise(self):
        signal = np.var(plane(3000)["difference"])
        noise = 0.05
        found = dose_response.fit(plane(3000, noise=noise))
        assert found.explained == pytest.approx(signal / (signal + noise**2), abs=0.03)

    def test_r_by_hand(self):
        found = dose_response.fit(pd.DataFrame([arm(0.0, 0.0, 1.0), arm(1.0, 0.0, 2.0), arm(2.0, 0.0, 2.0)]))
        assert found.r_forward == pytest.approx(math.sqrt(3.0) / 2.0)
        assert math.isnan(found.r_reverse)  # one strength
        assert math.isnan(found.explained)  # three arms lie on any plane

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_too_few_have_no_correlation(self, count):
        found = dose_response.fit(plane(3)[:count])
        assert found.n_arms == count
        assert all(math.isnan(value) for value in (found.r_forward, found.r_reverse, found.explained))

    def test_equal_differences_explain_nothing(self):
        found = dose_response.fit(plane(9).assign(difference=0.1))
        assert all(math.isnan(value) for value in (found.r_forward, found.r_reverse, found.explained))
