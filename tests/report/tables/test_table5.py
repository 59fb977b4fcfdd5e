"""Table 5: the paper's figures beside ours, differences over seeds and over images."""

import math

import pytest

from selfrefine.report.seed_statistics import Judgement, records
from selfrefine.report.tables import table5
from tests.support.tiny_metrics import FD, generation
from tests.support.tiny_results import REAL_PAPER, tiny_results
from tests.support.tiny_stage_metrics import inpainting_metrics


def results(metrics):
    return tiny_results(generation(FD), inpainting=metrics, paper=REAL_PAPER, judgement=Judgement("baseline", 0.017, 2))


def table(seeds=(0, 1)):
    return records(table5.lines(results(inpainting_metrics(seeds))))


def test_figures_and_differences_stand_beside_those_of_the_paper():
    found = {(x["pixels"], x["row"], x["metric"]): x for x in table()}
    assert len(found) == len(table()) == 8
    assert list(table()[0]) == table5.COLUMNS
    psnr = found["raw", "both", "psnr"]
    assert (psnr["paper"], psnr["value"], psnr["difference"]) == (23.3829, 21.5, 1.5)
    assert psnr["image_difference_high"] - 1.5 == pytest.approx(0.1 / 2**0.5)
    assert psnr["difference_low"] < 1.0 < 2.0 < psnr["difference_high"]  # two seeds
    assert math.isnan(found["composited", "both", "psnr"]["paper"])
    assert math.isnan(found["raw", "baseline", "psnr"]["difference"])
    assert (found["raw", "baseline", "fd_test"]["paper"], found["raw", "both", "fd_test"]["paper"]) == (
        11.2213,
        10.3564,
    )


def test_only_fd_over_enough_seeds_has_a_verdict():
    verdicts = {(x["row"], x["metric"]): x["verdict"] for x in table()}
    assert verdicts == {
        ("baseline", "psnr"): "",
        ("both", "psnr"): "",
        ("baseline", "fd_test"): "",
        ("both", "fd_test"): "better",
    }
    assert {x["verdict"] for x in table(seeds=(0,))} == {"", "not assessed"}


def test_the_paper_has_four_figures_of_each_mask_and_row():
    printed = REAL_PAPER[REAL_PAPER["table"] == "table5"]
    assert len(printed) == 3 * 2 * 4
    values = printed.set_index(["row", "metric"])["value"]
    assert values["baseline", "narrow_psnr"] == 30.09
    assert values["both", "alternating_fid"] == 1.2211


def test_the_page_says_what_is_what():
    found = results(inpainting_metrics())
    page = table5.page(table5.lines(found), found)
    assert "### Wide masks, as the network made them" in page
    assert "| FD, `vgg`" in page
    assert "23.3829" in page
    assert "+1.500" in page
    assert "nan" not in page


def test_without_masks_it_says_why():
    none = results([])
    assert table5.lines(none).empty
    assert "Nothing is inpainted" in table5.page(table5.lines(none), none)
