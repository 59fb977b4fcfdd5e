"""Rows over seeds: differences per seed, verdicts, the flag of an unfinished baseline, what does not compare."""

import math

import pandas as pd
import pytest

from selfrefine.core.errors import InputError
from selfrefine.report.seed_statistics import Judgement, differences_over_seeds, over_seeds, records
from tests.support.tiny_metrics import AGAIN, FD, ROWS, generation, line
from tests.support.tiny_results import JUDGEMENT, tiny_results


def compared(metrics, judgement=JUDGEMENT, rows=ROWS):
    lines = records(tiny_results(metrics, judgement=judgement, rows=rows).compared)
    return {(line["row"], line["metric"], line["network"]): line for line in lines}


def headline(metrics, row, network="alexnet_conv5_gap"):
    return compared(metrics)[row, "fd_test", network]


def test_every_row_and_metric():
    rows = compared(generation(FD))
    assert {row for row, _, _ in rows} == {"baseline", "both", "fork", "floor"}
    assert {metric for _, metric, _ in rows} == {
        *("fd_test", "fd_train", "kid_test", "precision", "recall", "nearest_in_train"),
        *("clipped_density", "clipped_coverage"),
    }


def test_one_seed_has_intervals_over_images_and_no_verdict():
    found = headline(generation(FD), "both")
    assert (found["value"], found["low"], found["high"]) == pytest.approx((9.0, 8.1, 9.9))
    d = math.log(0.9)
    assert found["difference"] == pytest.approx(d)
    assert math.isnan(found["difference_low"])
    assert (found["image_difference_low"], found["image_difference_high"]) == pytest.approx((d - 0.1, d + 0.1))
    assert (found["verdict"], found["n_seeds"], found["n_images"]) == ("not assessed", 1, 100)
    assert math.isnan(headline(generation(FD), "both", "vgg16_conv5_gap")["low"])


def test_seeds_are_paired():
    """FD grows from seed to seed, the difference does not: its interval is narrow though that of the value is wide."""
    found = headline(generation(FD, seeds=6), "both")
    assert found["n_seeds"] == 6
    assert found["high"] - found["low"] > 0.3
    assert found["difference"] == pytest.approx(math.log(0.9))
    assert found["difference_high"] - found["difference_low"] == pytest.approx(0.0, abs=1e-9)
    assert found["image_difference_high"] - found["image_difference_low"] == pytest.approx(0.2 / math.sqrt(6))
    assert found["verdict"] == "better"


@pytest.mark.parametrize(
    ("shares", "has_interval"), [([0.5, 0.5, 0.5], False), ([0.5, 0.5, 0.6], True), ([0.0, 0.0, 0.0], True)]
)
def test_seeds_that_are_all_equal_tell_nothing_of_others_unless_nothing_ever_differs(shares, has_interval):
    """Shares of few images are often equal by chance: an interval without width would claim to be sure."""
    lines = pd.DataFrame({"row": "both", "value": shares, "low": 0.4, "high": 0.7, "n_images": 8, "seed": range(3)})
    (over,) = records(over_seeds(lines, ["row"]))
    (differences,) = records(differences_over_seeds(lines.assign(difference=shares), ["row"]))
    assert math.isfinite(over["low"]) == math.isfinite(differences["difference_low"]) == has_interval


@pytest.mark.parametrize(("fd", "verdict"), [(9.0, "better"), (11.0, "worse"), (10.1, "equivalent")])
def test_verdict_is_of_the_difference(fd, verdict):
    assert headline(generation(FD | {"both": fd}, seeds=6), "both")["verdict"] == verdict


def test_only_variants_and_only_fd_to_test_are_judged():
    judged = {key for key, found in compared(generation(FD, seeds=6)).items() if found["verdict"]}
    assert judged == {("both", "fd_test", network) for network in ("vgg16_conv5_gap", "alexnet_conv5_gap")}


@pytest.mark.parametrize(("ancestral", "verdict"), [(9.9, "better"), (10.3, "sampler-dependent")])
def test_a_second_sampler_bears_on_the_verdict_and_has_no_difference_of_its_own(ancestral, verdict):
    fd = FD | {"baseline_ancestral": 10.2, "both_ancestral": ancestral, "time_shift": 9.5}
    judgement = Judgement("baseline", 0.017, 6, second_sampler=AGAIN)
    rows = compared(generation(fd, seeds=6), judgement)
    found = {row: rows[row, "fd_test", "alexnet_conv5_gap"] for row in fd}
    assert found["both"]["verdict"] == verdict
    assert found["time_shift"]["verdict"] == "better"
    assert found["time_shift"]["difference"] == pytest.approx(math.log(0.95))
    for row in AGAIN.values():
        assert found[row]["value"] == pytest.approx(fd[row] * 1.025, rel=1e-3)
        assert all(math.isnan(found[row][column]) for column in found[row] if "difference" in column)
        assert found[row]["verdict"] == ""


def test_fork_has_a_difference_and_the_floor_and_reference_have_none():
    rows = compared(generation(FD))
    assert rows["fork", "fd_test", "alexnet_conv5_gap"]["difference"] == pytest.approx(math.log(1.05))
    for row in ("floor", "baseline"):
        assert math.isnan(rows[row, "fd_test", "alexnet_conv5_gap"]["difference"])
    assert rows["both", "precision", "alexnet_conv5_gap"]["difference"] == 0.0


@pytest.mark.parametrize(("fork", "note"), [(10.5, ""), (11.0, ""), (12.5, "20 % lower than at the fork")])
def test_a_baseline_far_from_its_end_is_flagged(fork, note):
    rows = compared(generation(FD | {"fork": fork}))
    noted = {key: found["note"] for key, found in rows.items() if found["note"]}
    if not note:
        assert noted == {}
    else:
        assert noted.keys() == {("baseline", "fd_test", network) for _, _, network in rows}
        assert all(note in words for words in noted.values())


def test_scale_says_what_was_run():
    scale = headline(generation(FD, seeds=2), "both")["scale"]
    assert scale == (
        "Experiment smoke: Tiny DDPM on Shapes in the place of the paper's CelebA-HQ, 600 + 1,500 training steps, "
        "100 images in each row, 2 seeds"
    )


def test_rows_of_different_size_do_not_compare():
    metrics = [*generation(FD), line("late", "fd_test", 1.0, n_images=50)]
    with pytest.raises(InputError, match="rows of 100 and 50 images"):
        compared(metrics)


def test_data_sets_and_the_floor_may_differ_in_size():
    """A test split may be small, and the training split hold fewer images than were sampled."""
    other = [line | {"dataset": "petals", "n_images": 50} for line in generation(FD)]
    metrics = [line | ({"n_images": 90} if line["variant"] == "floor" else {}) for line in generation(FD)] + other
    rows = ROWS | {"datasets": ROWS["datasets"] | {"petals": {"title": "Petals", "main_model": "tiny"}}}
    found = records(tiny_results(metrics, rows=rows).compared)
    numbers = {(line["dataset"], line["row"] == "floor"): line["n_images"] for line in found}
    assert numbers == {("shapes", False): 100, ("shapes", True): 90, ("petals", False): 50, ("petals", True): 50}


def test_another_reference_is_told():
    """evaluate_generation pairs the images with its own reference."""
    with pytest.raises(InputError, match="reference is 'both', but the rows were compared with baseline"):
        compared(generation(FD), Judgement("both", 0.017, 6))
