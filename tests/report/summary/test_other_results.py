"""Sentences on the highlighter, on other data sets and families, on prompts and on inpainting."""

import dataclasses
import math
import re

import pandas as pd
import pytest

from selfrefine.core.names import HEADLINE
from selfrefine.report.summary import other_results
from selfrefine.report.tables.table1 import NOT_RUN
from tests.support.tiny_summary import changed, tiny_run, without

NAN = math.nan
LIKE_FAKES = {"value": 0.6, "low": 0.55, "high": 0.65}
LIKE_REALS = {"value": 0.3, "low": 0.25, "high": 0.35}


def with_hits(difference, fake, other):
    """A run whose map hits planted pieces so often, each an interval."""
    run = tiny_run()
    hits = {"hit_cell_difference": difference, "hit_cell_fake_splice": fake, "hit_cell_other_image": other}
    for metric, figures in hits.items():
        run = changed(run, "table6", figures, metric=metric)
    return run


def more(value, half=0.05):
    """A figure and its interval."""
    return {"value": value, "low": value - half, "high": value + half}


# -- people ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        (
            more(0.2),
            " People see flaws where it points (share of 15 people's picks, its map less those of other images: ",
        ),
        (more(0.02), " People are not shown to see flaws there ("),
        ({"value": 0.2, "low": NAN, "high": NAN}, " People are not shown to see flaws there ("),
    ],
)
def test_whether_people_see_what_it_points_at(figures, says):
    run = changed(tiny_run(people=15), "table_study", figures, row="another_image", metric="difference")
    assert says in other_results.highlighter(run)


@pytest.mark.parametrize("people", [None, 0])
def test_nothing_is_said_of_people_who_were_not_asked(people):
    assert "eople" not in other_results.highlighter(tiny_run(people=people))


# -- the highlighter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roc_auc", "tells"),
    [(more(0.9), True), (more(0.52), False), (more(0.4), False), ({"value": 1.0, "low": NAN, "high": NAN}, True)],
)
def test_whether_it_tells_images_apart(roc_auc, tells):
    told = other_results.highlighter(changed(tiny_run(), "table6", roc_auc, metric="roc_auc"))
    assert told.startswith("The flaw highlighter tells generated images from real ones (accuracy 0.900") == tells
    assert told.startswith("The flaw highlighter is not shown to tell") != tells
    assert "the paper's, on other images: 0.991" in told


@pytest.mark.parametrize(
    ("difference", "fake", "other", "says"),
    [
        (more(0.3), LIKE_FAKES, LIKE_REALS, "its map finds planted flaws"),
        (more(0.3), LIKE_FAKES, LIKE_FAKES, "is not shown to beat the map of another image"),
        (more(0.02), LIKE_FAKES, LIKE_REALS, "its map is not shown to find planted flaws"),
        (more(-0.3), LIKE_FAKES, LIKE_REALS, "its map is not shown to find planted flaws"),
        ({"value": 0.3, "low": NAN, "high": NAN}, LIKE_FAKES, LIKE_REALS, "is not shown to find planted flaws"),
        (more(0.3), LIKE_FAKES, {"value": 0.1, "low": NAN, "high": NAN}, "is not shown to beat the map of another"),
    ],
)
def test_whether_its_map_finds_planted_flaws(difference, fake, other, says):
    told = other_results.highlighter(with_hits(difference, fake, other))
    assert says in told
    assert ("finds planted flaws" in told) == (says == "its map finds planted flaws")


def test_how_stable_its_map_is():
    told = other_results.highlighter(tiny_run(seeds=1))
    assert (
        "correlates 0.70 [0.68, 0.72] with a second highlighter's map and 0.80 [0.78, 0.82] with its own map of" in told
    )
    assert told.endswith("; all of one training run.")
    assert other_results.highlighter(tiny_run()).endswith("; over 6 seeds.")


def test_a_map_that_real_images_have_too_is_called_so():
    finding = "the map does not single out generated images"
    run = changed(tiny_run(), "maps", {"finding": finding}, row="real_map", metric="r")
    assert f"its own map of real images ({finding})" in other_results.highlighter(run)


@pytest.mark.parametrize("row", ["second", "real_map"])
def test_maps_that_were_not_compared_are_left_out(row):
    told = other_results.highlighter(without(tiny_run(), "maps", row=row))
    assert ("second highlighter" in told) == (row != "second")
    assert ("of real images" in told) == (row != "real_map")


def test_what_was_not_measured():
    assert other_results.highlighter(without(tiny_run(), "table6")) == "The flaw highlighter was not measured."
    run = without(without(tiny_run(), "maps"), "table6", metric="hit_cell_difference")
    assert "its map" not in other_results.highlighter(run)


# -- other tables ------------------------------------------------------------------------------------------------------


def elsewhere(table, change, **where):
    """The run with a copy of a line of a table that stands for another data set or model."""
    run = tiny_run(both=-0.06)
    lines = run.tables[table]
    kept = lines[(lines["metric"] == HEADLINE) & (lines["network"] == run.primary_network)]
    for column, value in where.items():
        kept = kept[kept[column] == value]
    assert len(kept) == 1
    more_lines = kept.assign(**change)
    return dataclasses.replace(run, tables={**run.tables, table: pd.concat([lines, more_lines])})


def test_other_data_sets_and_families():
    run = elsewhere("table3", {"dataset": "shoes"}, row="both")
    told = other_results.other_tables(run)
    assert told.startswith(
        "Other data sets (Table 3): better: Both on shoes (-5.8 % [-6.6, -5.0]). Other model families"
    )
    run = elsewhere("table1", {"model": "uvit", "verdict": "worse", "difference": 0.1}, row="self_refining")
    assert "(Table 1): worse: uvit (+10.5 % [" in other_results.other_tables(run)


def test_families_that_were_not_run_are_not_counted():
    run = elsewhere("table1", {"model": "uvit", "n_seeds": 0, "note": NOT_RUN, "verdict": ""}, row="self_refining")
    assert other_results.other_tables(run) == (
        "Other data sets (Table 3): none was run. Other model families (Table 1): none was run."
    )


def test_prompts_and_inpainting():
    told = other_results.other_tasks(tiny_run(both=-0.06))
    assert told.startswith("Images from prompts (Table 4): better: Both of Tiny DDPM (-5.8 % [-6.6, -5.0]); share of ")
    assert "share of images that show their prompt's class: +15.0 points [+11.1, +18.9]. Inpainting (Table 5): " in told
    assert "Inpainting (Table 5): better: Wide masks (-23.1 % [" in told


def test_where_all_seeds_are_equal_the_interval_is_that_of_their_images():
    run = tiny_run(seeds=3)
    table = run.tables["table4"].assign(difference_low=NAN, difference_high=NAN)
    told = other_results.other_tasks(dataclasses.replace(run, tables={**run.tables, "table4": table}))
    assert re.search(r"points \[\S+, \S+\] over the images of these 3 training runs", told)


def test_of_one_seed_the_interval_is_that_of_its_images():
    told = other_results.other_tasks(tiny_run(seeds=1))
    assert "+10.0 points [+5.0, +15.0] over the images of one training run" in told
    assert "Inpainting (Table 5): not assessed, one seed: Wide masks (-25.0 %)." in told


def test_neither_prompts_nor_inpainting():
    told = other_results.other_tasks(without(without(tiny_run(), "table4"), "table5"))
    assert told == "Images from prompts (Table 4): none was run. Inpainting (Table 5): none was run."
