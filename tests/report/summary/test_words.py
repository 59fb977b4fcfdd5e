"""A verdict in words: each verdict has its own, with the figures of its line and none that claims more."""

import math

import pytest

from selfrefine.metrics.contrasts import CONFIRMATORY, EXPLORATORY, SAMPLER_DEPENDENT
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE
from selfrefine.report.markdown import VERDICTS
from selfrefine.report.summary import words
from selfrefine.report.summary.run import Change
from tests.support.tiny_summary import tiny_run

RUN = tiny_run(seeds=1)
NAN = math.nan
CASES = {
    BETTER: (Change(-0.06, -0.08, -0.04, 6, BETTER), "makes FD better by 5.8 % [3.9, 7.7] over 6 seeds"),
    WORSE: (Change(0.06, 0.04, 0.08, 6, WORSE), "makes FD worse by 6.2 % [4.1, 8.3] over 6 seeds"),
    EQUIVALENT: (
        Change(0.002, -0.01, 0.014, 8, EQUIVALENT),
        "makes no difference larger than 1.7 % (FD +0.2 % [-1.0, +1.4] over 8 seeds)",
    ),
    INCONCLUSIVE: (
        Change(-0.02, -0.05, 0.01, 6, INCONCLUSIVE),
        "is not shown to change FD: -2.0 % [-4.9, +1.0] over 6 seeds",
    ),
    SAMPLER_DEPENDENT: (
        Change(-0.06, -0.08, -0.04, 6, SAMPLER_DEPENDENT),
        "has no verdict: -5.8 % [-7.7, -3.9] over 6 seeds, which a second sampler of the same models contradicts",
    ),
    UNDEFINED: (Change(NAN, NAN, NAN, 6, UNDEFINED), "has no verdict: in a seed the FD is 0 or no number"),
    NOT_ASSESSED: (
        Change(-0.06, NAN, NAN, 1, NOT_ASSESSED),
        "is not assessed, one seed of the 6 that a verdict needs: FD -5.8 %, which may be chance",
    ),
}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_in_words(verdict):
    change, told = CASES[verdict]
    assert words.does(change, RUN) == told


@pytest.mark.parametrize("verdict", [verdict for verdict in VERDICTS if verdict not in (BETTER, WORSE)])
def test_only_a_verdict_of_better_or_worse_says_so(verdict):
    change, _ = CASES[verdict]
    for told in (words.does(change, RUN), words.grouped({"A": change}, RUN)):
        assert "better" not in told
        assert "worse" not in told


@pytest.mark.parametrize("verdict", VERDICTS)
def test_what_was_not_listed_before_the_run_is_exploratory(verdict):
    change, told = CASES[verdict]
    is_claim = verdict in (BETTER, WORSE)
    note = " (exploratory: not listed before the run)" if is_claim else ""
    assert words.does(change._replace(kind=EXPLORATORY), RUN) == told + note
    assert words.does(change._replace(kind=CONFIRMATORY), RUN) == told


@pytest.mark.parametrize(("low", "high", "open_"), [(-0.05, 0.01, False), (-0.05, -0.01, True), (0.01, 0.05, True)])
def test_what_only_the_correction_leaves_open_is_said(low, high, open_):
    told = words.does(Change((low + high) / 2.0, low, high, 6, INCONCLUSIVE), RUN)
    assert told.endswith(", which the correction for the number of contrasts leaves open") == open_


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((1, 1), "not assessed, one seed:"),
        ((3, 3), "not assessed, 3 seeds:"),
        ((1, 3), "not assessed, fewer than 6 seeds:"),
    ],
)
def test_rows_without_enough_seeds_stand_together(counts, told):
    rows = {name: Change(0.01, NAN, NAN, count, NOT_ASSESSED) for name, count in zip("AB", counts, strict=True)}
    assert words.grouped(rows, RUN) == f"{told} A (+1.0 %), B (+1.0 %)"


def test_rows_stand_under_their_verdicts():
    told = words.grouped({"A": CASES[WORSE][0], "B": CASES[BETTER][0], "C": CASES[WORSE][0]}, RUN)
    assert told == "better: B (-5.8 % [-7.7, -3.9]); worse: A (+6.2 % [+4.1, +8.3]), C (+6.2 % [+4.1, +8.3])"
    assert words.grouped({}, RUN) == ""


@pytest.mark.parametrize(
    ("names", "told"), [([], ""), (["A"], "A"), (["A", "B"], "A and B"), (["A", "B", "C"], "A, B and C")]
)
def test_names_are_listed(names, told):
    assert words.listed(names) == told
