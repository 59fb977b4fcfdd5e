"""Contrasts over seeds on figures whose truth is known, and what the naive ways would have claimed."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import stats

from selfrefine.core.errors import InputError
from selfrefine.metrics import contrasts, intervals
from selfrefine.metrics.contrasts import Contrast, Rules, Space, judge
from selfrefine.metrics.flaw_map_claim import flaw_map_helps
from selfrefine.metrics.frechet import Gaussian, frechet_distance, gaussian, influence
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE

SPACE = Space("shapes", "tiny", "vgg")
CONTROLS = {name: name for name in contrasts.CONTROLS}


def lines(figures, space=SPACE):
    """Tidy metrics of rows -> FD of each seed; a line of another metric beside each."""
    return [
        {**space._asdict(), "variant": row, "seed": seed, "metric": metric, "value": value}
        for row, seeds in figures.items()
        for seed, fd in enumerate(seeds)
        for metric, value in (("fd_test", fd), ("precision", 0.5))
    ]


def rules(confirmatory=(), **changes):
    values = {"primary_network": "vgg", "margin": 0.017, "minimum_seeds": 6, "second_sampler": {}}
    return Rules(confirmatory, **values | changes)


def rows_with(d, reference="baseline", row="both", spread=0.0):
    """FD of six seeds: the reference's own varies by a factor of two, the difference by `spread`."""
    base = 10.0 * 2.0 ** np.linspace(-0.5, 0.5, 6)
    return {reference: base, row: base * np.exp(d + spread * np.array([1, -1, 1, -1, 1, -1]))}


def test_d_is_paired_by_seed():
    figures = rows_with(-0.05, spread=0.01)
    figures["both"] = figures["both"][:5]
    (line,) = judge(lines(figures), rules(minimum_seeds=5), [("both", "baseline")])
    assert line.by_seed == pytest.approx({0: -0.04, 1: -0.06, 2: -0.04, 3: -0.06, 4: -0.04})
    assert line.difference == pytest.approx(-0.048)
    assert (line.low, line.high) == intervals.over_seeds(list(line.by_seed.values()))
    assert (line.n_seeds, line.verdict, line.kind) == (5, BETTER, "exploratory")
    assert math.isnan(line.p_holm)
    # Unpaired, the spread of the base models hides it.
    apart = stats.ttest_ind(np.log(figures["both"]), np.log(figures["baseline"][:5])).pvalue
    assert line.p < 0.001 < 0.5 < apart


def test_any_two_rows_compare_and_the_other_way_round_with_the_other_sign():
    figures = rows_with(-0.05, spread=0.01) | {"uniform": rows_with(0.05, spread=0.02)["both"]}
    there, back = judge(lines(figures), rules(), [("both", "uniform"), ("uniform", "both")])
    assert there.difference == pytest.approx(-back.difference)
    assert (there.verdict, back.verdict) == (BETTER, WORSE)
    assert there.p == pytest.approx(back.p)


def test_a_row_that_was_not_measured_is_not_assessed():
    (line,) = judge(lines(rows_with(0.0)), rules([("sham", "baseline")]))
    assert (line.verdict, line.n_seeds, line.by_seed) == (NOT_ASSESSED, 0, {})
    assert math.isnan(line.difference)


def test_a_pair_is_left_out_where_its_rows_do_not_run_but_a_listed_one_that_runs_nowhere_counts():
    shoes = SPACE._replace(dataset="shoes")
    metrics = [*lines(rows_with(-0.05, spread=0.01)), *lines({"baseline": [10.0] * 6, "uniform": [9.0] * 6}, shoes)]
    found = judge(
        metrics, rules([("both", "baseline"), ("sham", "baseline")]), [("uniform", "baseline"), ("both", "uniform")]
    )
    told = [(line.space.dataset, line.variant, line.reference, line.n_seeds) for line in found]
    assert told == [
        ("shapes", "both", "baseline", 6),
        ("shapes", "sham", "baseline", 0),
        ("shoes", "sham", "baseline", 0),
        ("shoes", "uniform", "baseline", 6),
    ]


def test_family_is_the_list_in_every_data_set_in_the_primary_network():
    figures = rows_with(-0.05, spread=0.06) | {"uniform": rows_with(0.01, spread=0.05)["both"]}
    listed = [("both", "baseline"), ("uniform", "baseline"), ("sham", "baseline")]
    others = [SPACE._replace(network="alexnet"), SPACE._replace(dataset="shoes")]
    metrics = [line for space in (SPACE, *others) for line in lines(figures, space)]
    found = judge(metrics, rules(listed), [("both", "uniform"), ("both", "baseline")])
    assert len(found) == 3 * 4
    kinds = {(line.space.network, line.kind) for line in found if (line.variant, line.reference) in listed}
    assert kinds == {("vgg", "confirmatory"), ("alexnet", "exploratory")}
    confirmatory = [line for line in found if line.kind == "confirmatory"]
    assert len(confirmatory) == 6  # sham counts although it was not measured
    least = min(confirmatory, key=lambda line: line.p)
    assert least.p_holm == pytest.approx(6 * least.p)


def test_correction_decides_the_verdict_of_confirmatory_contrasts_only():
    figures = rows_with(-0.05, spread=0.04)
    listed = [("both", "baseline"), *((f"arm{index}", "baseline") for index in range(4))]
    (alone,) = judge(lines(figures), rules(), listed[:1])
    corrected = judge(lines(figures), rules(listed))[0]
    assert alone.p == corrected.p < 0.05 < corrected.p_holm
    assert (alone.verdict, corrected.verdict) == (BETTER, INCONCLUSIVE)


def test_half_a_difference_has_half_its_figures_and_its_whole_p():
    """What two arms do alike, here to lower FD by a tenth, drops out; the margin is held to the half."""
    base = 10.0 * 2.0 ** np.linspace(-0.5, 0.5, 6)
    noise = np.array([0.012, -0.009, 0.004, -0.004, 0.003, -0.006])
    figures = {"plus": base * np.exp(-0.1 - 0.01 + noise), "minus": base * np.exp(-0.1 + 0.01)}
    again = {"plus_again": base * np.exp(-0.02), "minus_again": base}
    samplers = {"plus": "plus_again", "minus": "minus_again"}
    halved, whole = (("plus", "minus", contrasts.HALF), ("plus", "minus"))
    (half,) = judge(lines(figures | again), rules([halved], second_sampler=samplers))
    (full,) = judge(lines(figures | again), rules([whole], second_sampler=samplers))
    assert (half.divisor, full.divisor) == (2, 1)
    assert half.difference == pytest.approx(-0.01, abs=1e-9)
    assert (half.variant, half.reference, half.kind) == ("plus", "minus", "confirmatory")
    for name in ("difference", "low", "high", "second_difference"):
        assert 2.0 * getattr(half, name) == pytest.approx(getattr(full, name))
    assert half.by_seed == pytest.approx({seed: d / 2.0 for seed, d in full.by_seed.items()})
    assert (half.p, half.p_holm) == pytest.approx((full.p, full.p_holm))
    assert (half.verdict, full.verdict) == (EQUIVALENT, BETTER)  # 1 % is inside the margin, 2 % is not


def test_half_a_difference_is_one_of_the_family_like_any_other():
    figures = rows_with(-0.05, spread=0.06) | {"uniform": rows_with(0.01, spread=0.05)["both"]}
    listed = [("both", "baseline"), ("uniform", "both", contrasts.HALF)]
    found = judge(lines(figures), rules(listed))
    assert [line.p_holm for line in found] == pytest.approx(intervals.holm([line.p for line in found]))


# -- two samplers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (-0.05, -0.01, BETTER),
        (-0.05, 0.001, "sampler-dependent"),
        (0.05, -0.05, "sampler-dependent"),
        (0.0001, -0.0001, EQUIVALENT),  # claims no direction: two signs of noise are no contradiction
        (0.0001, 0.05, "sampler-dependent"),
        (-0.05, 0.0, "sampler-dependent"),  # no sign at all: the second sampler does not show it, and differs
    ],
)
def test_a_direction_must_hold_under_both_samplers(first, second, told):
    again = rows_with(second, "baseline_ancestral", "both_ancestral", spread=0.001)
    figures = rows_with(first, spread=0.001) | again
    second_sampler = {"baseline": "baseline_ancestral", "both": "both_ancestral"}
    (line,) = judge(lines(figures), rules([("both", "baseline")], second_sampler=second_sampler))
    assert line.verdict == told
    assert line.second_difference == pytest.approx(second)


@pytest.mark.parametrize(("first", "second", "spread"), [(-0.02, 0.001, 0.03), (0.02, -0.001, 0.03)])
def test_an_opposite_sign_by_chance_is_no_contradiction(first, second, spread):
    again = rows_with(second, "baseline_ancestral", "both_ancestral", spread)
    figures = rows_with(first, spread=0.002) | again
    second_sampler = {"baseline": "baseline_ancestral", "both": "both_ancestral"}
    (line,) = judge(lines(figures), rules([("both", "baseline")], second_sampler=second_sampler))
    assert first * line.second_difference < 0.0
    assert line.second_low < 0.0 < line.second_high
    assert line.verdict == (BETTER if first < 0.0 else WORSE)


def test_equal_samplers_seldom_contradict_each_other_where_signs_do_often():
    """One true change of both, so small against the spread that a sign is often chance."""
    draws, signs, ours = np.random.default_rng(7), [], []
    second_sampler = {"baseline": "baseline_ancestral", "both": "both_ancestral"}
    for _ in range(400):
        base = np.ones(6)
        figures = {"baseline": base, "baseline_ancestral": base}
        figures |= {row: np.exp(draws.normal(-0.02, 0.04, 6)) for row in ("both", "both_ancestral")}
        line, plain = (
            judge(lines(figures), rules([("both", "baseline")], second_sampler=second))[0]
            for second in (second_sampler, {})
        )
        if plain.verdict == BETTER:
            signs.append(line.second_difference > 0.0)
            ours.append(line.verdict == "sampler-dependent")
    assert np.mean(signs) > 0.05
    assert np.mean(ours) < 0.03


@pytest.mark.parametrize("wrong", [0.0, math.nan, math.inf])
@pytest.mark.parametrize("row", ["baseline", "both"])
def test_a_change_that_is_no_number_has_no_verdict(row, wrong):
    figures = rows_with(0.05, spread=0.01)
    figures[row] = np.append(figures[row][:5], wrong)
    (line,) = judge(lines(figures), rules([("both", "baseline")]))
    assert line.verdict == UNDEFINED
    assert math.isnan(line.difference)
    assert not flaw_map_helps([dataclasses.replace(line, reference="uniform")], "both", CONTROLS).helps


def test_rows_of_another_sampler_are_told_from_untrained_controls():
    samplings = {
        "both_ancestral": {"of": "both", "correction": "none"},
        "kept": {"of": "both", "map_of": "both", "correction": "keep_map"},
        "baseline_ancestral": {"of": "baseline", "correction": "none"},
    }
    found = contrasts.second_samplers(samplings)
    assert found == {"both": "both_ancestral", "baseline": "baseline_ancestral"}
    again = samplings | {"both_25": {"of": "both", "correction": "none"}}
    with pytest.raises(
        InputError, match=r"select\.samplings has both_ancestral and both_25, both of both; a variant has"
    ):
        contrasts.second_samplers(again)


def test_the_second_sampler_needs_both_rows():
    figures = rows_with(-0.05, spread=0.001) | {"both_ancestral": rows_with(0.05)["both"]}
    (line,) = judge(lines(figures), rules([("both", "baseline")], second_sampler={"both": "both_ancestral"}))
    assert line.verdict == BETTER
    assert math.isnan(line.second_difference)


# -- "the flaw map helps" ----------------------------------------------------------------------------------------------


def against(verdicts, kind="confirmatory"):
    shared = {"divisor": 1, "difference": 0.0, "low": 0.0, "high": 0.0, "p": 0.0, "p_holm": 0.0}
    shared |= dict.fromkeys(("second_difference", "second_low", "second_high"), math.nan)
    return [
        Contrast(SPACE, "both", row, **shared, kind=kind, verdict=verdict, by_seed={})
        for row, verdict in verdicts.items()
    ]


def test_the_flaw_map_helps_if_it_is_better_than_every_control():
    finding = flaw_map_helps(against(dict.fromkeys(CONTROLS, BETTER)), "both", CONTROLS)
    assert finding.helps
    assert finding.reason == "better than uniform, cells, real_map in direct contrasts"


def test_a_claim_that_was_not_listed_says_so():
    finding = flaw_map_helps(against(dict.fromkeys(CONTROLS, BETTER), kind="exploratory"), "both", CONTROLS)
    assert finding.helps
    assert "exploratory: uniform, cells, real_map not listed before the run" in finding.reason


@pytest.mark.parametrize("verdict", [WORSE, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, "sampler-dependent"])
@pytest.mark.parametrize("control", CONTROLS)
def test_one_control_that_is_not_beaten_is_enough_against_it(control, verdict):
    finding = flaw_map_helps(against(dict.fromkeys(CONTROLS, BETTER) | {control: verdict}), "both", CONTROLS)
    assert not finding.helps
    assert finding.reason == f"not shown: {verdict} against {control}"


def test_contrasts_of_other_arms_and_missing_controls_show_nothing():
    won = against(dict.fromkeys(CONTROLS, BETTER) | {"baseline": BETTER})
    assert not flaw_map_helps(won, "forward", CONTROLS).helps
    finding = flaw_map_helps(won, "both", {"uniform": "uniform", "cells": "cells"})
    assert finding.reason == "not shown: not measured against real_map"


# -- what the naive ways would have claimed ----------------------------------------------------------------------------

SEED_SPREAD = 0.05  # of log FD between training runs


def null_runs(draws, arms, seeds=6):
    """FD of arms that all equal the baseline, in independent training runs."""
    return {f"arm{index}": np.exp(draws.normal(0.0, SEED_SPREAD, seeds)) for index in range(arms)} | {
        "baseline": np.exp(draws.normal(0.0, SEED_SPREAD, seeds))
    }


def test_intervals_over_images_call_equal_methods_different():
    """Two training runs of one method: each model's FD is well measured, and that says nothing of the method."""
    draws = np.random.default_rng(0)
    size, n = 8, 400
    target = Gaussian(np.zeros(size), np.eye(size))

    def trained():
        features = draws.normal(size=(n, size)) + draws.normal(0.5, 0.1, size)  # each run ends elsewhere
        fitted = gaussian(features)
        return frechet_distance(fitted, target), influence(features, fitted, target)

    naive, ours = [], []
    for _ in range(100):
        runs = [(trained(), trained()) for _ in range(6)]
        (one, phi), (other, psi) = runs[0]
        estimate = intervals.log_ratio_interval(one, other, phi, psi)
        naive.append(estimate.high < 0.0 or estimate.low > 0.0)
        figures = {"both": [run[0][0] for run in runs], "baseline": [run[1][0] for run in runs]}
        (line,) = judge(lines(figures), rules(), [("both", "baseline")])
        ours.append(line.verdict in (BETTER, WORSE))
    assert np.mean(naive) > 0.25
    assert np.mean(ours) < 0.12


def test_the_best_of_many_arms_wins_by_chance_and_not_after_holm():
    draws = np.random.default_rng(1)
    arms, naive, ours = 8, [], []
    for _ in range(300):
        metrics = lines(null_runs(draws, arms))
        pairs = [(f"arm{index}", "baseline") for index in range(arms)]
        naive.append(any(line.verdict in (BETTER, WORSE) for line in judge(metrics, rules(), pairs)))
        ours.append(any(line.verdict in (BETTER, WORSE) for line in judge(metrics, rules(pairs))))
    assert np.mean(naive) > 0.15
    assert np.mean(ours) < 0.075


def test_better_than_the_baseline_where_a_control_is_not_is_no_evidence():
    """Any map helps by as much: often only one of the two is significant against the baseline, seldom against the
    other."""
    draws = np.random.default_rng(2)
    naive, ours = [], []
    for _ in range(300):
        figures = null_runs(draws, 1)
        for row in ("both", "uniform"):
            figures[row] = np.exp(draws.normal(-0.06, SEED_SPREAD, 6))
        pairs = [("both", "baseline"), ("uniform", "baseline"), ("both", "uniform")]
        flaw, control, direct = (line.verdict for line in judge(lines(figures), rules(), pairs))
        naive.append(flaw == BETTER and control != BETTER)
        ours.append(direct == BETTER)
    assert np.mean(naive) > 0.1
    assert np.mean(ours) < 0.05
