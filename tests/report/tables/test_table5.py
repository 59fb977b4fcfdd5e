"""Table 5: the paper's figures beside ours, differences over seeds and over images."""

import math
from pathlib import Path

import pytest

from selfrefine.core import files
from selfrefine.report.seed_statistics import Judgement
from selfrefine.report.tables import table5

PAPER = files.read_table(Path(__file__).parents[3] / "workflow/resources/paper_values.csv").to_dict("records")
JUDGEMENT = Judgement("baseline", 0.017, 2)
TITLES = {"shapes": "Shapes", "tiny": "Tiny", "wide": "Wide", "baseline": "Baseline", "both": "Both"}


def line(variant, metric, value, seed, pixels, network):
    names = {"dataset": "shapes", "model": "tiny", "mask": "wide", "variant": variant, "pixels": pixels, "seed": seed}
    interval = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return names | {"metric": metric} | interval | {"n_images": 8, "network": network, "sha256": "0"}


def metrics(seeds=(0, 1)):
    found = []
    for seed in seeds:
        for pixels in ("composited", "raw"):
            for variant, psnr, fd in (("baseline", 20.0, 2.0), ("both", 21.0 + seed, 1.5)):
                found.append(line(variant, "psnr", psnr, seed, pixels, "pixels"))
                found.append(line(variant, "fd_test", fd, seed, pixels, "vgg"))
            found.append(line("both", "psnr_difference", 1.0 + seed, seed, pixels, "pixels"))
            found.append(line("both", "fd_test_log_difference", math.log(0.75) + 0.01 * seed, seed, pixels, "vgg"))
    return found


def table(seeds=(0, 1)):
    scale = {("shapes", "tiny"): "Experiment test"}
    return table5.lines(metrics(seeds), PAPER, JUDGEMENT, {"shapes": "celeba_hq"}, scale)


def test_figures_and_differences_stand_beside_those_of_the_paper():
    found = {(x["pixels"], x["row"], x["metric"]): x for x in table()}
    assert len(found) == len(table()) == 8
    assert all(list(x) == table5.COLUMNS or set(x) == set(table5.COLUMNS) for x in found.values())
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
    printed = [x for x in PAPER if x["table"] == "table5"]
    assert len(printed) == 3 * 2 * 4
    values = {(x["row"], x["metric"]): x["value"] for x in printed}
    assert values["baseline", "narrow_psnr"] == 30.09
    assert values["both", "alternating_fid"] == 1.2211


def test_the_page_says_what_is_what():
    page = table5.page(table(), judgement=JUDGEMENT, titles=TITLES)
    assert "### Wide masks, as the network made them" in page
    assert "| FD, `vgg`" in page
    assert "23.3829" in page
    assert "+1.500" in page
    assert "nan" not in page
    assert "Nothing is inpainted" in table5.page([], judgement=JUDGEMENT, titles=TITLES)
