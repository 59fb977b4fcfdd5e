"""The page of findings: each branch, from tables that the real code made of imagined metrics."""

import dataclasses
import functools
import math

import pandas as pd
import pytest

from selfrefine.metrics.contrasts import SAMPLER_DEPENDENT
from selfrefine.metrics.intervals import BETTER, EQUIVALENT, INCONCLUSIVE, NOT_ASSESSED, UNDEFINED, WORSE
from selfrefine.report.markdown import VERDICTS
from selfrefine.report.summary import findings, sentences
from selfrefine.report.summary.findings import HOLDS, NOT, UNTOLD
from selfrefine.report.summary.more_seeds import Costs
from tests.support.tiny_summary import changed, tiny_run, without

NAN = math.nan
COSTS = Costs(seed_hours=2.0, paper_hours={"H100 80 GB": 191.2, "RTX 4090": 1141.0}, paper_seeds=3)
PLACES = {BETTER: HOLDS, WORSE: NOT, EQUIVALENT: NOT, INCONCLUSIVE: UNTOLD, NOT_ASSESSED: UNTOLD}
PLACES |= {SAMPLER_DEPENDENT: UNTOLD, UNDEFINED: UNTOLD}
LISTED = (("both", "uniform"), ("both", "baseline"))
cached_run = functools.cache(tiny_run)  # half a second each; `changed` leaves them as they are


def headings(run):
    """Heading -> its sentences, of the page."""
    text = findings.page(run, COSTS, ["told"], "forest.png")
    return {part.partition("\n")[0]: part.partition("\n\n")[2].strip() for part in text.split("\n## ")[1:]}


def test_before_there_are_seeds_enough_the_page_says_so_in_a_line():
    *_, line = findings.too_few("small", 2, 6).splitlines()
    assert line.startswith("2 of the 6 seeds that a verdict needs are kept so far. Nothing is said of fewer")


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_listed_contrast_stands_where_its_verdict_puts_it(verdict):
    run = changed(cached_run(confirmatory=LISTED), "controls", {"verdict": verdict}, row="both", reference="uniform")
    found = [place for place, sentence in findings.statements(run) if sentence.startswith("Both, against Uniform,")]
    assert found == [PLACES[verdict]]
    told = [heading for heading, text in headings(run).items() if "- Both, against Uniform, " in text]
    assert told == [PLACES[verdict]]


def test_listed_contrasts_are_told_once_and_in_their_order_and_all_processes():
    told = [sentence for _, sentence in findings.statements(cached_run(confirmatory=LISTED))]
    assert [sentence.split(",")[:2] for sentence in told[:2]] == [
        ["Both", " against Uniform"],
        ["Both", " against Baseline"],
    ]
    assert sum("Both, against Baseline" in sentence for sentence in told) == 1
    assert told[2].startswith("Forward, against Baseline, ")
    assert told[3] == "The variant reverse was not run, so nothing is said of it."
    assert len(told) == 6


def test_a_listed_contrast_that_was_not_run_cannot_be_told():
    found = dict(map(reversed, findings.statements(cached_run(confirmatory=(("both", "sham"),)))))
    assert found["Both, against sham, was not run."] == UNTOLD


def test_half_a_difference_is_said_to_be_one():
    listed = (("uniform", "cells", "half"),)
    first = next(findings.statements(cached_run(confirmatory=listed, uniform=-0.05, cells=0.05)))
    assert first.sentence.startswith("Uniform against Cells, half the difference, makes FD better by 4.9 % [")
    assert first.heading == HOLDS


def test_the_flaw_map_holds_where_every_control_is_beaten_and_not_where_one_is_as_good():
    def place(run):
        fitting = changed(run, "controls", {"map_note": NAN}, row="real_map_matched")
        sentence = sentences.flaw_map(fitting)
        return next(heading for heading, told in findings.statements(fitting) if told == sentence)

    helped = cached_run(both=-0.1)
    assert place(helped) == HOLDS
    for verdict, heading in ((EQUIVALENT, NOT), (WORSE, NOT), (INCONCLUSIVE, UNTOLD)):
        assert place(changed(helped, "controls", {"verdict": verdict}, row="both", control="cells")) == heading
    assert findings._of_the_flaw_map(helped, "both") == UNTOLD, "a control that is none"
    without_controls = without(helped, "controls", row="both")
    assert (UNTOLD, sentences.flaw_map(without_controls)) in list(findings.statements(without_controls))


def test_the_flaw_map_is_told_of_each_process_by_itself():
    """One process in which a control is as good says nothing of another."""
    run = cached_run(both=-0.1)
    controls = run.tables["controls"]
    forward = controls[(controls["row"] == "both") & (controls["control"] == "uniform")]
    forward = forward.assign(row="forward", verdict=WORSE)
    run = dataclasses.replace(run, tables={**run.tables, "controls": pd.concat([controls, forward])})
    run = changed(run, "controls", {"map_note": NAN}, row="real_map_matched")
    told = [found for found in findings.statements(run) if "flaw map" in found.sentence]
    assert [found.heading for found in told] == [NOT, HOLDS]
    assert "in Forward (FD against other maps; worse: a uniform map (" in told[0].sentence
    assert "in Both" not in told[0].sentence
    assert "in Both" in told[1].sentence


@pytest.mark.parametrize(
    ("difference", "hit", "blind", "place"),
    [
        ((0.3, 0.2, 0.4), (0.6, 0.5, 0.7), (0.3, 0.2, 0.4), HOLDS),
        ((0.3, 0.2, 0.4), (0.6, 0.5, 0.7), (0.5, 0.4, 0.6), UNTOLD),
        ((0.1, -0.1, 0.3), (0.6, 0.5, 0.7), (0.3, 0.2, 0.4), UNTOLD),
        ((-0.3, -0.4, -0.2), (0.2, 0.1, 0.3), (0.3, 0.2, 0.4), NOT),
    ],
)
def test_planted_flaws(difference, hit, blind, place):
    run = cached_run()
    figures = {"hit_cell_difference": difference, "hit_cell_fake_splice": hit, "hit_cell_other_image": blind}
    for metric, (value, low, high) in figures.items():
        run = changed(run, "table6", {"value": value, "low": low, "high": high}, row="flaw", metric=metric)
    assert findings._of_planted_flaws(run) == place


def test_planted_flaws_that_were_not_measured_cannot_be_told():
    assert findings._of_planted_flaws(without(cached_run(), "table6", row="flaw")) == UNTOLD


def test_what_more_costs_is_told():
    of_page = headings(cached_run())["What would change our mind"]
    assert "This page is of 6 seeds; one more takes 2.0 hours of jobs" in of_page
    assert "Table 2 with 3 seeds takes" in of_page
    assert "191 on one H100 80 GB and 1,141 on one RTX 4090" in of_page


@pytest.mark.parametrize("seeds", [1, 2, 6])
def test_every_heading_is_there_and_every_sentence_whole(seeds):
    found = headings(cached_run(seeds=seeds, confirmatory=LISTED))
    assert list(found) == [
        *(HOLDS, NOT, UNTOLD, "What else was looked at", "The paper's claim"),
        *("What would change our mind", "What this rests on"),
    ]
    assert found["What this rests on"] == "- told"
    for text in found.values():
        assert "nan" not in text.lower().split()
        assert text
    if seeds < 6:
        assert found[HOLDS] == found[NOT] == "Nothing of what was asked."


def test_a_contrast_on_another_data_set_names_it():
    run = cached_run(confirmatory=LISTED)
    rows = {
        **run.rows,
        "datasets": {**run.rows["datasets"], "shoes": {**run.rows["datasets"]["shapes"], "title": "Shoes"}},
    }
    controls = run.tables["controls"].replace({"dataset": {"shapes": "shoes"}})
    other = dataclasses.replace(run, rows=rows, tables={**run.tables, "controls": controls})
    assert next(findings.statements(other)).sentence.startswith("Both, against Uniform, on Shoes, ")


def test_the_readme_has_each_listed_contrast_under_its_heading_and_where_all_stands():
    head, blank, *told = findings.in_short(cached_run(confirmatory=LISTED), "docs/page.md").splitlines()
    assert head.startswith("By the experiment `smoke` (Tiny DDPM on Shapes, 6 seeds that nothing had looked at")
    assert head.endswith("[all of it](docs/page.md)), of 2 listed comparisons 0 hold, 2 do not, 0 cannot be told:")
    assert not blank
    assert [line.split(",")[:2] for line in told] == [
        ["- Does not hold: Both", " against Uniform"],
        ["- Does not hold: Both", " against Baseline"],
    ]
