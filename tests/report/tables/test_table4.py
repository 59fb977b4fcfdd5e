"""Table 4: the paper's figures beside ours, agreement with prompts, differences over seeds and over images."""

import math
from pathlib import Path

import pytest

from selfrefine.core import files, names
from selfrefine.metrics import prompt_agreement
from selfrefine.report.seed_statistics import Judgement
from selfrefine.report.tables import table4

PAPER = files.read_table(Path(__file__).parents[3] / "workflow/resources/paper_values.csv").to_dict("records")
JUDGEMENT = Judgement("baseline", 0.017, 2)
ROWS = {
    "datasets": {"shapes": {"title": "Shapes", "stands_for": "coco"}},
    "models": {"sd": {"title": "Stable Diffusion", "self_refining": "reverse"}},
}
TITLES = {"shapes": "Shapes", "sd": "Stable Diffusion", "baseline": "Baseline", "reverse": "Reverse"}
NAMES = {"dataset": "shapes", "model": "sd"}
FIGURES = {prompt_agreement.AGREEMENT: 0.6, prompt_agreement.PERMUTED: 0.1, prompt_agreement.DEPENDENCE: 0.5}


def distances():
    """Lines as of Table 2 for every model: two rows of the table and one that is not."""
    found = []
    for variant, fd, difference, verdict in (
        ("baseline", 20.0, math.nan, ""),
        ("reverse", 19.0, math.log(0.95), "better"),
        ("uniform", 18.0, math.log(0.9), "better"),
    ):
        line = NAMES | {"network": "vgg", "row": variant, "metric": "fd_test", "paper": math.nan}
        line |= {"value": fd, "low": fd - 1.0, "high": fd + 1.0}
        line |= {"difference": difference, "difference_low": difference - 0.01, "difference_high": difference + 0.01}
        line |= {"image_difference_low": difference - 0.02, "image_difference_high": difference + 0.02}
        found.append(line | {"verdict": verdict, "n_images": 256, "n_seeds": 2, "scale": "Experiment test", "note": ""})
    return [*found, found[0] | {"model": "ddpm"}, found[0] | {"metric": "kid_test"}]


def metrics(seeds=(0, 1), judge="classifier"):
    found = []
    factor = 100.0 if judge == "clip" else 1.0
    for seed in seeds:
        for variant, gain in (("baseline", 0.0), ("reverse", 0.1 + 0.02 * seed), (names.PHOTOGRAPHS, 0.3)):
            values = FIGURES | {prompt_agreement.AGREEMENT: 0.6 + gain}
            if variant == "reverse":
                values[prompt_agreement.DIFFERENCE] = gain
            for metric, value in values.items():
                line = NAMES | {"variant": variant, "seed": seed, "metric": metric, "value": factor * value}
                line |= {"low": factor * (value - 0.05), "high": factor * (value + 0.05)}
                found.append(line | {"n_images": 256, "network": judge, "sha256": "0"})
    return found


def table(seeds=(0, 1), judge="classifier"):
    return table4.lines(distances(), metrics(seeds, judge), PAPER, JUDGEMENT, ROWS)


def by_key(lines):
    return {(line["row"], line["metric"]): line for line in lines}


def test_the_paper_has_two_figures():
    printed = {
        line["row"]: (line["dataset"], line["metric"], line["value"]) for line in PAPER if line["table"] == "table4"
    }
    assert printed == {"baseline": ("coco", "fid", 25.571), "self_refining": ("coco", "fid", 24.633)}
    assert pytest.approx(3.7, abs=0.05) == 100.0 * (1.0 - 24.633 / 25.571)  # as its text says


def test_two_rows_of_the_model_and_photographs():
    found = by_key(table())
    assert len(found) == len(table()) == 2 + 3 * 3
    assert all(list(line) == table4.COLUMNS for line in table())
    base, refined = found["baseline", "fd_test"], found["self_refining", "fd_test"]
    assert (base["paper"], refined["paper"]) == (25.571, 24.633)
    assert math.isnan(base["paper_difference"])
    assert refined["paper_difference"] == pytest.approx(math.log(24.633 / 25.571))
    assert (refined["variant"], refined["value"], refined["verdict"]) == ("reverse", 19.0, "better")
    assert {line["row"] for line in table()} == {"baseline", "self_refining", names.PHOTOGRAPHS}


def test_agreement_over_seeds_and_its_paired_difference():
    found = by_key(table())
    agreement = found["self_refining", prompt_agreement.AGREEMENT]
    assert agreement["value"] == pytest.approx(0.71)
    assert agreement["difference"] == pytest.approx(0.11)
    assert agreement["difference_low"] < 0.1 < 0.12 < agreement["difference_high"]  # two seeds
    assert agreement["image_difference_high"] - 0.11 == pytest.approx(0.05 / 2**0.5)
    assert (agreement["n_seeds"], agreement["n_images"], agreement["verdict"]) == (2, 256, "")
    assert math.isnan(found["baseline", prompt_agreement.AGREEMENT]["difference"])
    assert math.isnan(found["self_refining", prompt_agreement.PERMUTED]["difference"])
    assert math.isnan(found["self_refining", prompt_agreement.AGREEMENT]["paper"])
    (one,) = [
        line for line in table(seeds=(0,)) if (line["row"], line["metric"]) == ("baseline", prompt_agreement.AGREEMENT)
    ]
    assert (one["low"], one["high"]) == pytest.approx((0.55, 0.65))  # over images


def test_a_data_set_that_stands_for_another_has_no_figure_of_the_paper():
    rows = ROWS | {"datasets": {"shapes": {"title": "Shapes"}}}
    found = table4.lines(distances(), metrics(), PAPER, JUDGEMENT, rows)
    assert all(math.isnan(line["paper"]) and math.isnan(line["paper_difference"]) for line in found)


def test_the_page_says_what_is_what():
    page = table4.page(table(), judgement=JUDGEMENT, titles=TITLES)
    assert "## Stable Diffusion on Shapes\n\nExperiment test." in page
    for words in ("| FD, `vgg`", "25.571", "-3.7 %", "-5.0 %", "Real test images", "+11.0", "71.0 [", "- better: "):
        assert words in page, words
    assert "CLIP" not in page
    assert "nan" not in page
    order = [page.index(words) for words in ("| FD", "| Own prompt's class, %", "| Another prompt's", "| Own minus")]
    assert order == sorted(order)


def test_scores_of_clip_are_no_percentages():
    page = table4.page(table(judge="clip"), judgement=JUDGEMENT, titles=TITLES)
    assert "CLIP score: 100 times the cosine" in page
    assert "71.00 [" in page
    assert "prompt's class" not in page


def test_without_text_to_image_it_says_why():
    assert table4.lines(distances(), [], PAPER, JUDGEMENT, ROWS) == []
    assert "No selected model makes images from prompts" in table4.page([], judgement=JUDGEMENT, titles=TITLES)
