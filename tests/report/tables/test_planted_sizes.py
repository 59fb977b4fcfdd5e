"""The part of Table 6 on sizes of planted flaws: what counts as found, and what a run could have found."""

import math

import numpy as np
import pytest

from selfrefine.core.names import FAKE_SPLICE
from selfrefine.core.planted_names import LESS_CENTRE, LESS_OTHERS, LESS_REAL
from selfrefine.metrics import intervals
from selfrefine.report.tables import planted_sizes, table6
from tests.support import tiny_planted
from tests.support.tiny_results import table_cells
from tests.support.tiny_table6 import metrics, page_of, results


def sizes(**options):
    return planted_sizes.lines(table6.lines(results([*metrics(), *tiny_planted.lines(**options)])))


def section(**options):
    return page_of([*metrics(), *tiny_planted.lines(**options)]).split("### Planted flaws: of what size?")[1]


def row(text, patch, side):
    (found,) = [cells for cells in table_cells(text, patch) if cells[:2] == [patch, side]]
    return found


def test_each_kind_and_side_has_its_line_with_the_interval_over_seeds():
    found = sizes()
    assert sorted(found["share"].unique()) == [0.25, 0.5]
    own = [line["value"] for line in tiny_planted.lines() if line["metric"] == f"planted_at:0.5:blur:{LESS_OTHERS}"]
    (line,) = found[(found["share"] == 0.5) & (found["kind"] == "blur") & (found["figure"] == LESS_OTHERS)].to_dict(
        "records"
    )
    assert (line["value"], line["n_seeds"]) == (pytest.approx(np.mean(own)), 3)
    assert (line["low"], line["high"]) == pytest.approx(intervals.over_seeds(own))


def test_what_the_maps_see_is_found_and_what_they_do_not_see_is_not():
    text = section(seeds=(0,), images=400)
    assert "- Piece of a generated image: found at sides of 0.25, 0.5." in text
    assert "- Noise: found at sides of 0.25, 0.5." in text
    assert "- Turned: not shown to be found." in text
    assert row(text, "Noise", "0.5")[6] == "yes"
    assert row(text, "Blurred", "0.5")[6] == "no"
    assert row(text, "Three cells at random", "0.25")[2] == "0.062"


@pytest.mark.parametrize("name", [LESS_CENTRE, LESS_OTHERS, LESS_REAL])
def test_one_comparison_that_does_not_hold_is_enough_not_to_be_found(name):
    figures = {each: {"low": 0.01} for each in (LESS_CENTRE, LESS_OTHERS, LESS_REAL)}
    assert planted_sizes.is_found(figures)
    for low in (0.0, -0.01, math.nan):
        assert not planted_sizes.is_found(figures | {name: {"low": low}})


def test_a_patch_without_a_real_piece_to_compare_with_needs_none():
    assert planted_sizes.is_found({name: {"low": 0.01} for name in (LESS_CENTRE, LESS_OTHERS)})


def test_without_sizes_the_page_says_nothing_of_them():
    assert "of what size?" not in page_of(metrics())
    assert planted_sizes.section(table6.lines(results(metrics()))) == ""


@pytest.mark.parametrize("n_seeds", [1, 3, 6])
def test_a_difference_of_the_size_shown_is_found_in_four_of_five_runs(n_seeds):
    """By simulation: intervals over seeds, or of one seed over its images, whose lower end lies above 0."""
    draws, trials, error = np.random.default_rng(0), 20_000, 0.1
    if n_seeds == 1:
        line = {"low": -intervals.Z * error, "high": intervals.Z * error, "n_seeds": 1}
        means, halves = error * draws.standard_normal(trials), np.full(trials, intervals.Z * error)
    else:
        values = error * draws.standard_normal((trials, n_seeds))
        means, halves = values.mean(axis=1), intervals.reach(n_seeds) * values.std(axis=1, ddof=1)
        half = intervals.reach(n_seeds) * error
        line = {"low": -half, "high": half, "n_seeds": n_seeds}
    difference = planted_sizes.detectable(line)
    assert np.mean(means + difference - halves > 0.0) == pytest.approx(0.8, abs=0.01)


def test_without_an_interval_nothing_is_said_of_power():
    assert math.isnan(planted_sizes.detectable({"low": math.nan, "high": math.nan, "n_seeds": 3}))
    assert row(section(seeds=(0,)), "Noise", "0.5")[7].startswith("+0.")


def test_the_hits_of_a_kind_are_not_mixed_with_those_of_another():
    found = sizes()
    kinds = planted_sizes.of_kinds(found)
    assert list(kinds) == list(planted_sizes.PATCHES)
    for kind, sides in kinds.items():
        for share, figures in sides.items():
            assert {line["kind"] for line in figures.values()} == {kind}
            assert {line["share"] for line in figures.values()} == {share}
            assert (LESS_REAL in figures) == (kind == FAKE_SPLICE)
