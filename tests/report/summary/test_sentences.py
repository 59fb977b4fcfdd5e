"""The ten sentences: each branch, from tables that the real code made of imagined metrics."""

import dataclasses
import math

import pandas as pd
import pytest

from selfrefine.core.names import FORK, HEADLINE
from selfrefine.metrics.contrasts import CONTROLS, SAMPLER_DEPENDENT
from selfrefine.metrics.flaw_map_claim import flaw_map_helps
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE
from selfrefine.report.markdown import VERDICTS
from selfrefine.report.summary import sentences
from selfrefine.report.summary.run import Run
from tests.support.tiny_summary import changed, tiny_run, without

NAN = math.nan
FIT = {"row": "real_map_matched"}  # its map is like the flaw map in the imagined run, so that it is no control


def fit(run: Run) -> Run:
    """The run with a map of real images that is unlike the flaw map."""
    return changed(run, "controls", {"map_note": NAN}, **FIT)


@pytest.mark.parametrize("seeds", [1, 3, 6])
def test_there_are_ten_whole_sentences_whatever_was_run(seeds):
    for options in ({}, {"samplings": ["time_shift"]}, {"variants": ["baseline", "both"]}):
        told = sentences.ten(tiny_run(seeds=seeds, **options))
        assert len(told) == 10
        for sentence in told:
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert "\n" not in sentence
            assert "nan" not in sentence.lower().split()


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_too_few_seeds_claim_nothing(seeds):
    """However far apart the figures are."""
    run = tiny_run(seeds=seeds, both=-0.5, forward=0.5, uniform=0.4, cells=0.4, fork=0.0, samplings=["time_shift"])
    told = sentences.ten(run)
    claims = ("makes FD", "no difference larger", "better:", "worse:", "helps in", "is better than")
    allowed = "It is not shown that the flaw map, and not just any map of its strength, helps in"
    assert not [claim for sentence in told for claim in claims if claim in sentence.replace(allowed, "")]
    assert all("is not assessed" in told[index] for index in (0, 2))


# -- 1 to 3: the processes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        (-0.06, "Both, against Baseline, makes FD better by 5.8 % [5.0, 6.6] over 6 seeds (exploratory: "),
        (0.06, "Both, against Baseline, makes FD worse by 6.2 % [5.3, 7.1] over 6 seeds (exploratory: "),
        (0.0, "Both, against Baseline, makes no difference larger than 1.7 % (FD +0.0 % [-0.8, +0.9] over 6 seeds)."),
    ],
)
def test_a_process_is_said_to_do_what_its_seeds_support(difference, told):
    assert sentences.process(tiny_run(both=difference), "both").startswith(told)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_process_has_the_verdict_of_its_table(verdict):
    line = {"verdict": verdict, "difference": 0.0 if verdict != BETTER else -0.1, "low": -0.2, "high": 0.2}
    told = sentences.process(changed(tiny_run(), "controls", line, row="both", reference="baseline"), "both")
    says = {
        BETTER: "makes FD better",
        WORSE: "makes FD worse",
        EQUIVALENT: "makes no difference larger than",
        INCONCLUSIVE: "is not shown to change",
        SAMPLER_DEPENDENT: "second sampler",
        UNDEFINED: "no number",
        NOT_ASSESSED: "is not assessed",
    }
    assert [name for name, words in says.items() if words in told] == [verdict]


@pytest.mark.parametrize("row", ["reverse", "no_such_row"])
def test_of_a_process_that_was_not_run_nothing_is_said(row):
    assert sentences.process(tiny_run(), row) == f"The variant {row} was not run, so nothing is said of it."


def test_a_process_without_a_common_seed_was_not_run():
    run = changed(tiny_run(), "controls", {"n_seeds": 0, "difference": NAN}, row="both")
    assert sentences.process(run, "both").startswith("The variant both was not run")


# -- 4: the flaw map ---------------------------------------------------------------------------------------------------

HELPED = {"both": -0.1}


def test_the_flaw_map_helps_where_it_is_better_than_all_three_controls():
    told = sentences.flaw_map(fit(tiny_run(**HELPED)))
    start = (
        "The flaw map is better than a uniform map, its own cells permuted and a map of real images, all of its "
        "strength, in direct contrasts, in Both"
    )
    assert told == f"{start} (exploratory: not listed before the run)."
    listed = [("both", row) for row in ("uniform", "cells", "real_map_matched")]
    assert sentences.flaw_map(fit(tiny_run(**HELPED, confirmatory=listed))) == f"{start}."


@pytest.mark.parametrize("kind", CONTROLS)
@pytest.mark.parametrize("verdict", [verdict for verdict in VERDICTS if verdict != BETTER])
def test_one_control_that_is_not_beaten_is_enough(kind, verdict):
    """Better than the baseline is no evidence, also where a control is not."""
    told = sentences.flaw_map(changed(fit(tiny_run(**HELPED)), "controls", {"verdict": verdict}, control=kind))
    assert told.startswith("It is not shown that the flaw map, and not just any map of its strength, helps in Both (")
    assert sentences.CONTROL_WORDS[kind] in told
    assert told.endswith(" That Both is better than Baseline is no evidence for it.")


@pytest.mark.parametrize("kind", CONTROLS)
def test_a_control_that_was_not_run_is_named(kind):
    told = sentences.flaw_map(without(fit(tiny_run(**HELPED)), "controls", control=kind))
    assert told.startswith("It is not shown")
    assert f"{sentences.CONTROL_WORDS[kind]} not run" in told


def test_a_map_that_is_like_the_flaw_map_is_no_control():
    told = sentences.flaw_map(tiny_run(**HELPED))
    assert told.startswith("It is not shown")
    assert "a map of real images too closely tied to the flaw map to be a control" in told


def test_without_controls_nothing_is_said_of_the_flaw_map():
    told = sentences.flaw_map(tiny_run(variants=["baseline", "forward", "both"], both=-0.1))
    assert told.startswith("Whether the flaw map helps, and not just any map, cannot be told: no control was run")


@pytest.mark.parametrize(("both", "cells"), [(-0.1, 0.0), (-0.1, -0.1), (0.1, 0.0), (0.0, 0.0)])
def test_the_rule_is_that_of_the_page_of_controls(both, cells):
    run = fit(tiny_run(both=both, cells=cells))
    rows = sentences.controls_of(run, "both")
    lines = [Line("both", row, found.verdict) for row, found in rows.values()]
    helps = flaw_map_helps(lines, "both", {kind: row for kind, (row, _) in rows.items()}).helps
    assert sentences.map_helps(rows) == helps
    assert sentences.flaw_map(run).startswith("The flaw map is better") == helps


@dataclasses.dataclass
class Line:
    """What `flaw_map_helps` asks of a contrast."""

    variant: str
    reference: str
    verdict: str
    kind: str = "confirmatory"


# -- 5: the plateau ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seeds", "fork", "says"),
    [
        (6, 0.15, "was still learning"),
        (6, 0.05, "was near its end"),
        (6, -0.05, "was near its end"),
        (6, 0.1, "the interval reaches beyond a fall of 10 %"),
        (1, 0.15, "was still learning"),
        (1, 0.05, "how far it moves in other seeds is not known"),
    ],
)
def test_how_far_the_baseline_moved(seeds, fork, says):
    ends = ("was still learning", "was near its end", "the interval reaches", "in other seeds is not known")
    told = sentences.plateau(tiny_run(seeds=seeds, fork=fork))
    assert [end for end in ends if end in told] == [end for end in ends if end in says]
    assert f"changed by {100.0 * math.expm1(-fork):+.1f} %" in told


def test_a_fork_that_was_not_measured():
    told = "How far Baseline itself still moved after the branch point is not known."
    assert sentences.plateau(without(tiny_run(), "table2", row=FORK)) == told
    assert sentences.plateau(changed(tiny_run(), "table2", {"difference": NAN}, row=FORK)) == told


# -- 6: untrained controls ---------------------------------------------------------------------------------------------


def test_untrained_controls_stand_beside_what_refinement_does():
    told = sentences.untrained(tiny_run(samplings=["time_shift", "kept"], time_shift=-0.05, both=0.05, forward=0.0))
    assert told.startswith("Without any training, against Baseline, FD changes: better: Clock shifted (-4.9 % ")
    assert "; no difference larger than 1.7 %: Map kept (" in told
    assert " Refinement: worse: Both (+5.1 % " in told
    assert " Directly: better: Map kept against Both (-4.9 % " in told
    assert "; worse: Both against Clock shifted (+10.5 % " in told


def test_untrained_controls_that_compare_with_one_another_are_told():
    """Refined or not, each at its own best scale of the noise."""
    run = tiny_run(samplings=["time_shift", "kept"], both=0.05)
    controls = run.tables["controls"]
    line = controls[(controls["row"] == "both") & (controls["reference"] == "baseline")]
    line = line.assign(row="kept", reference="time_shift")
    told = sentences.untrained(dataclasses.replace(run, tables={**run.tables, "controls": pd.concat([controls, line])}))
    assert "Map kept against Clock shifted (+5.1 % " in told.partition("Directly: ")[2]


@pytest.mark.parametrize(("network", "title"), [("both", "Both"), (FORK, "Base model at the fork")])
def test_rows_at_their_own_best_scale_are_told_once_by_the_name_of_their_network(network, title):
    run = tiny_run(samplings=["time_shift", "kept"], both=0.05)
    rows = {
        name: {"title": f"{of}, best noise", "of": of, "correction": "none", "eps_scale": "best"}
        for name, of in (("time_shift", "baseline"), ("kept", network))
    }
    controls = run.tables["controls"]
    line = controls[(controls["row"] == "both") & (controls["reference"] == "baseline")]
    line = line.assign(row="kept", reference="time_shift")
    tables = {**run.tables, "controls": pd.concat([controls, line])}
    told = sentences.untrained(dataclasses.replace(run, tables=tables, rows={**run.rows, "samplings": rows}))
    assert f" Each at its own best scale of the noise, Baseline too: worse: {title} (+5.1 % " in told
    assert "Directly" not in told


def test_second_samplers_are_no_untrained_controls():
    run = tiny_run(samplings=["baseline_ancestral", "both_ancestral"])
    assert sentences.untrained(run).startswith("Whether a mere scaling of the predicted noise")


def test_any_row_of_samplings_is_read():
    """One whose way of sampling this module has not heard of."""
    run = tiny_run(samplings=["time_shift"], time_shift=-0.05)
    rows = {"noise_scaled": {"title": "Noise scaled", "of": "baseline", "correction": "of tomorrow"}}
    run = changed(
        dataclasses.replace(run, rows={**run.rows, "samplings": rows}),
        "controls",
        {"row": "noise_scaled"},
        row="time_shift",
    )
    assert "better: Noise scaled (-4.9 % " in sentences.untrained(run)


def test_nothing_but_trained_rows():
    assert sentences.untrained(tiny_run()).endswith("cannot be told: no such row of `samplings` was run.")


def test_only_the_headline_is_read():
    run = tiny_run(fork=0.15)
    told = sentences.plateau(changed(run, "table2", {"difference": NAN}, row=FORK, network="alexnet_conv5_gap"))
    assert told == sentences.plateau(run)
    assert HEADLINE in set(run.tables["table2"]["metric"])
