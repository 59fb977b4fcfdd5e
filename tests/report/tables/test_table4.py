"""Table 4: the paper's figures beside ours, agreement with prompts, differences over seeds and over images."""

import math

import pytest

from selfrefine.core import names
from selfrefine.metrics import prompt_agreement
from selfrefine.report.seed_statistics import Judgement, records
from selfrefine.report.tables import table4
from tests.support.tiny_metrics import FD, of_models
from tests.support.tiny_results import REAL_PAPER, tiny_results, titled
from tests.support.tiny_stage_metrics import prompt_metrics

ROWS = {
    "datasets": {"shapes": {"title": "Shapes", "stands_for": "coco", "main_model": "ddpm"}},
    "models": {"ddpm": {"title": "DDPM"}, "sd": {"title": "Stable Diffusion", "self_refining": "reverse"}},
    "variants": titled({"baseline": "Baseline", "reverse": "Reverse"}),
}
AGREEMENT = prompt_agreement.AGREEMENT


def results(seeds=(0, 1), judge="classifier", rows=ROWS, prompts=True):
    """Two rows of the table, one that is not, and a model that makes no images from prompts."""
    figures = FD | {"baseline": 20.0, "reverse": 19.0, "uniform": 18.0}
    generation = of_models(["ddpm", "sd"], {row: value / 2.0 for row, value in figures.items()}, len(seeds))
    found = prompt_metrics(seeds, judge, model="sd", variant="reverse") if prompts else ()
    judgement = Judgement("baseline", 0.017, 2, "vgg16_conv5_gap")
    return tiny_results(generation, rows=rows, paper=REAL_PAPER, judgement=judgement, prompts=found)


def lines(*args, **options):
    return records(table4.lines(results(*args, **options)))


def by_key(lines):
    return {(line["row"], line["metric"]): line for line in lines if line["network"] != "alexnet_conv5_gap"}


def page(**options):
    found = results(**options)
    return table4.page(table4.lines(found), found)


def test_the_paper_has_two_figures():
    printed = REAL_PAPER[REAL_PAPER["table"] == "table4"].set_index("row")
    assert dict(printed["value"]) == {"baseline": 25.571, "self_refining": 24.633}
    assert {*printed["dataset"]} == {"coco"}
    assert pytest.approx(3.7, abs=0.05) == 100.0 * (1.0 - 24.633 / 25.571)  # as its text says


def test_two_rows_of_the_model_and_photographs():
    found = by_key(lines())
    assert len(found) == len(lines()) - 4 == 2 * 2 + 3 * 3
    assert list(lines()[0]) == table4.COLUMNS
    base, refined = found["baseline", "fd_test"], found["self_refining", "fd_test"]
    assert math.isnan(base["paper"])
    papers = found["baseline", "fd_train"], found["self_refining", "fd_train"]
    assert [line["paper"] for line in papers] == [25.571, 24.633]
    assert math.isnan(papers[0]["paper_difference"])
    assert papers[1]["paper_difference"] == pytest.approx(math.log(24.633 / 25.571))
    assert papers[1]["verdict"] == ""
    assert (refined["variant"], refined["verdict"]) == ("reverse", "better")
    assert refined["value"] == pytest.approx(19.0 * 1.005)
    assert {(line["model"], line["row"]) for line in lines()} == {
        ("sd", row) for row in ("baseline", "self_refining", names.PHOTOGRAPHS)
    }


def test_agreement_over_seeds_and_its_paired_difference():
    found = by_key(lines())
    agreement = found["self_refining", AGREEMENT]
    assert agreement["value"] == pytest.approx(0.71)
    assert agreement["difference"] == pytest.approx(0.11)
    assert agreement["difference_low"] < 0.1 < 0.12 < agreement["difference_high"]  # two seeds
    assert agreement["image_difference_high"] - 0.11 == pytest.approx(0.05 / 2**0.5)
    assert (agreement["n_seeds"], agreement["n_images"], agreement["verdict"]) == (2, 256, "")
    assert math.isnan(found["baseline", AGREEMENT]["difference"])
    assert math.isnan(found["self_refining", prompt_agreement.PERMUTED]["difference"])
    assert math.isnan(agreement["paper"])
    one = by_key(lines(seeds=(0,)))["baseline", AGREEMENT]
    assert (one["low"], one["high"]) == pytest.approx((0.55, 0.65))  # over images


def test_a_data_set_that_stands_for_no_other_has_no_figure_of_the_paper():
    data = {name: words for name, words in ROWS["datasets"]["shapes"].items() if name != "stands_for"}
    found = lines(rows=ROWS | {"datasets": {"shapes": data}})
    assert all(math.isnan(line["paper"]) and math.isnan(line["paper_difference"]) for line in found)


def test_the_page_says_what_is_what():
    text = page()
    assert "## Stable Diffusion on Shapes\n\nExperiment smoke: " in text
    for words in (
        "| FD to test, n 3,000, `vgg",
        "| FD to train, n 3,000, `vgg",
        "25.571",
        "-3.7 %",
        "-5.0 %",
        "Real test images",
        "+11.0",
        "71.0 [",
        "- better: ",
    ):
        assert words in text, words
    assert "CLIP" not in text
    assert "nan" not in text
    order = [text.index(words) for words in ("| FD", "| Own prompt's class, %", "| Another prompt's", "| Own minus")]
    assert order == sorted(order)


def test_scores_of_clip_are_no_percentages():
    text = page(judge="clip")
    assert "CLIP score: 100 times the cosine" in text
    assert "71.00 [" in text
    assert "prompt's class" not in text


def test_without_text_to_image_it_says_why():
    assert lines(prompts=False) == []
    assert "No selected model makes images from prompts" in page(prompts=False)
