"""What more seeds would tell, and how uncertain one run is, against closed forms and by simulation."""

import functools
import math

from scipy import stats

from selfrefine.metrics.intervals import INCONCLUSIVE, NOT_ASSESSED
from selfrefine.report.markdown import VERDICTS
from selfrefine.report.summary import more_seeds
from selfrefine.report.summary.more_seeds import Costs
from tests.support.tiny_summary import changed, tiny_run

COSTS = Costs(seed_hours=2.0, paper_hours={"H100 80 GB": 191.2, "RTX 4090": 1141.0}, paper_seeds=3)
LISTED = (("both", "uniform"), ("both", "baseline"))
cached_run = functools.cache(tiny_run)  # half a second each; `changed` leaves them as they are


def test_the_papers_own_change_is_as_uncertain_as_one_run_of_ours():
    """A single new difference lies within t x SD of the mean, here of the spread of `tiny_run`."""
    (line,) = [line for line in more_seeds.uncertain(cached_run(both=-0.1)) if "Both" in line]
    by_seed = [0.004, -0.004, 0.007, -0.007, 0.01, -0.01]
    half = stats.t.ppf(0.975, 5) * stats.tstd(by_seed)
    paper = math.log(8.361 / 8.982)
    low, high = (100.0 * math.expm1(paper + sign * half) for sign in (-1.0, 1.0))
    assert line.endswith(f"it would be {low:+.1f} to {high:+.1f} % (95 %).")
    assert line.startswith("The paper's -6.9 % for Both is one training run a row, without seeds: ")


def test_of_one_seed_no_spread_is_told():
    for line in more_seeds.uncertain(cached_run(seeds=1)):
        assert line.endswith("fewer than two seeds of ours cannot tell.")


def test_seeds_that_would_tell_are_those_of_a_power_of_four_in_five():
    """By simulation: with so many seeds and the true change, about four of five repetitions show it."""
    run = changed(
        cached_run(confirmatory=LISTED),
        "controls",
        {"verdict": INCONCLUSIVE, "difference": -0.02, "by_seed": "0:-0.05 1:0.01 2:-0.04 3:0.0"},
        row="both",
        reference="baseline",
    )
    (line,) = (line for line in more_seeds.more(run, COSTS) if line.startswith("Both, against Baseline: "))
    count = int(line.split(": ")[1].split(" seeds ")[0])
    spread = stats.tstd([-0.05, 0.01, -0.04, 0.0])
    drawn = stats.norm(-0.02, spread).rvs((4000, count), random_state=0)
    shown = stats.ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05 / len(LISTED)
    assert 0.77 < shown.mean() < 0.86
    assert f"({(count - 6) * 2:,} more hours of jobs)" in line


def test_no_number_of_seeds_is_asked_for_what_is_told_or_contradicted_by_a_sampler():
    for verdict in VERDICTS:
        run = changed(cached_run(confirmatory=LISTED), "controls", {"verdict": verdict}, row="both")
        asked = [line for line in more_seeds.more(run, COSTS) if line.startswith("Both, against Baseline")]
        assert bool(asked) == (verdict in (INCONCLUSIVE, NOT_ASSESSED))
