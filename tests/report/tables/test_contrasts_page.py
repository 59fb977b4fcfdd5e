"""The page of the controls."""

import pytest

from selfrefine.report.tables import contrasts, contrasts_page
from tests.support.tiny_controls import CONTROLS, control_results, sampled_results
from tests.support.tiny_metrics import generation
from tests.support.tiny_results import table_cells


def page_of(found):
    return contrasts_page.page(contrasts.lines(found), found)


def page(*args, **options):
    return page_of(control_results(*args, **options))


def test_one_seed_shows_nothing_of_the_flaw_map():
    text = page(CONTROLS)
    assert "- Both: it may not be said that the flaw map helps (not shown: not assessed against uniform, " in text
    assert "- Forward:" not in text
    assert "No control is selected" not in text
    assert "listed in params.yaml before the run (none of these)" in text
    assert "- not assessed: fewer than 6 seeds" in text
    assert "Experiment smoke: Tiny DDPM on Shapes" in text
    assert "nan" not in text


def test_six_seeds_say_it_only_if_all_controls_are_beaten():
    said = page(CONTROLS, 6)
    assert "- Both: it may be said that the flaw map helps (better than uniform, cells, real_map" in said
    assert "exploratory: uniform, cells, real_map not listed before the run" in said
    assert (
        "- better: lower FD than the row that it is compared with: p, of a t test over seeds, is at most 0.05" in said
    )
    assert "But not a control, since its r with the flaw map is beyond +-0.5: real_map." in said
    refused = page(CONTROLS, 6, cells=8.0)
    assert "- Both: it may not be said that the flaw map helps (not shown: worse against cells)" in refused


def test_a_second_sampler_that_contradicts_is_told():
    text = page_of(sampled_results(["baseline", "both"], 6, both_ancestral=10.5))
    cells = table_cells(text, "Both ")[0]
    assert cells[:4] == ["Both", "Baseline", "-10.0 %", "+2.9 % [+2.9 % to +2.9 %]"]
    assert cells[-1] == "sampler-dependent"
    assert "- sampler-dependent: a second sampler" in text
    trained = text.partition("### Maps and read-outs")[2]
    assert "| Clock shifted" in text
    assert "Clock shifted" not in trained
    assert "ancestral" not in text


def test_an_arm_that_does_not_run_on_a_data_set_is_not_spoken_of_there():
    shoes = generation({"baseline": 10.0, "uniform": 9.0, "fork": 10.5, "floor": 1.0})
    text = page(metrics=[{**line, "dataset": "shoes"} for line in shoes])
    on_shapes, _, on_shoes = text.partition("## Tiny DDPM on Shoes")
    assert "- Both: it may not be said" in on_shapes
    assert "- Both:" not in on_shoes
    assert table_cells(on_shoes, "Both ") == []
    assert len(table_cells(on_shoes.partition("### Maps")[0], "Uniform ")) == 2
    assert "nan" not in text


def test_listed_contrasts_are_called_confirmatory():
    text = page(CONTROLS, 6, [("both", "uniform")])
    assert "p, of a t test over seeds, of contrasts that were listed before the run after Holm's correction" in text
    assert "before the run (1 of these)" in text
    assert text.count("| confirmatory |") == 1


def test_half_a_difference_is_called_so_and_explained():
    text = page(CONTROLS, 6, [("uniform", "cells", "half")])
    cells, _ = (row for row in table_cells(text, "Uniform ") if "Cells, half" in row)  # one for each feature network
    assert cells[2] == f"{100.0 * ((9.5 / 9.6) ** 0.5 - 1.0):+.1f} %"
    assert "- Half: of two arms" in text
    assert "- Half: " not in page(CONTROLS, 6, [("uniform", "cells")])


def test_the_papers_rows_alone_have_no_control_and_the_page_says_so():
    text = page(["baseline", "forward", "both"])
    assert "No control is selected: whether the flaw map helps, and not just any map, cannot be told" in text
    assert "may be said" not in text
    assert "-10.0 %" in text


def test_maps_and_readouts_stand_once_for_each_row():
    text = page(CONTROLS).partition("### Maps and read-outs")[2]
    (cells,) = table_cells(text, "Real_map_matched")
    assert cells == [
        *("Real_map_matched", "0.400", "0.200", "0.800", "0.800", "not a control"),
        *("-0.0090 [-0.0110, -0.0070]", "-0.0080", "+0.030 [+0.028, +0.032]"),
        "-0.050 [-0.052, -0.048]",
    ]


@pytest.mark.parametrize("seeds", [1, 6])
def test_the_primary_network_stands_first(seeds):
    text = page(CONTROLS, seeds)
    assert text.index("features of `vgg16_conv5_gap`") < text.index("features of `alexnet_conv5_gap`")
