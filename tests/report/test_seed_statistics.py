"""Rows of tables: differences per seed, verdicts, the paper's figures, the flag of an unfinished baseline."""

import csv
import math
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.report import dvc_metrics, seed_statistics
from selfrefine.report.tables import table2 as tables_table2
from selfrefine.report.tables import table6
from tests.support.tiny_metrics import AGAIN, FD, PAPER, ROWS, generation, highlighter, line

JUDGEMENT = seed_statistics.Judgement("baseline", 0.017, 6)
PAPER_VALUES = Path(__file__).parents[2] / "workflow" / "resources" / "paper_values.csv"


def table2(metrics, judgement=JUDGEMENT):
    scale = seed_statistics.scales(metrics, "smoke", ROWS)
    lines = tables_table2.table2(metrics, PAPER, judgement, {"shapes": "celeba_hq"}, scale)
    return {(line["row"], line["metric"], line["network"]): line for line in lines}


def headline(metrics, row, network="alexnet_conv5_gap"):
    return table2(metrics)[row, "fd_test", network]


def test_columns_and_rows():
    rows = table2(generation(FD))
    assert {row for row, _, _ in rows} == {"baseline", "both", "fork", "floor"}
    assert {metric for _, metric, _ in rows} == {
        *("fd_test", "fd_train", "kid_test", "precision", "recall", "nearest_in_train")
    }
    for found in rows.values():
        assert list(found) == [
            *("dataset", "model", "network", "row", "metric", "paper", "value", "low", "high"),
            *("difference", "difference_low", "difference_high", "image_difference_low", "image_difference_high"),
            *("verdict", "n_images", "n_seeds", "scale", "note"),
        ]


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


@pytest.mark.parametrize(("fd", "told"), [(9.0, "better"), (11.0, "worse"), (10.1, "equivalent")])
def test_verdict_is_of_the_difference(fd, told):
    assert headline(generation(FD | {"both": fd}, seeds=6), "both")["verdict"] == told


def test_only_variants_and_only_fd_to_test_are_judged():
    judged = {key for key, found in table2(generation(FD, seeds=6)).items() if found["verdict"]}
    assert judged == {("both", "fd_test", network) for network in ("vgg16_conv5_gap", "alexnet_conv5_gap")}


@pytest.mark.parametrize(("ancestral", "told"), [(9.9, "better"), (10.3, "sampler-dependent")])
def test_a_second_sampler_bears_on_the_verdict_and_has_no_difference_of_its_own(ancestral, told):
    fd = FD | {"baseline_ancestral": 10.2, "both_ancestral": ancestral, "time_shift": 9.5}
    judgement = seed_statistics.Judgement("baseline", 0.017, 6, second_sampler=AGAIN)
    rows = table2(generation(fd, seeds=6), judgement)
    found = {row: rows[row, "fd_test", "alexnet_conv5_gap"] for row in fd}
    assert found["both"]["verdict"] == told
    assert found["time_shift"]["verdict"] == "better"
    assert found["time_shift"]["difference"] == pytest.approx(math.log(0.95))
    for row in AGAIN.values():
        assert found[row]["value"] == pytest.approx(fd[row] * 1.025, rel=1e-3)
        assert all(math.isnan(found[row][column]) for column in found[row] if "difference" in column)
        assert found[row]["verdict"] == ""
    kept = {line["row"] for line in tables_table2.paper_rows(list(rows.values()), PAPER, judgement)}
    assert kept == {"baseline", "both", "fork", "floor", *AGAIN.values()}


def test_fork_has_a_difference_and_the_floor_and_reference_have_none():
    rows = table2(generation(FD))
    assert rows["fork", "fd_test", "alexnet_conv5_gap"]["difference"] == pytest.approx(math.log(1.05))
    for row in ("floor", "baseline"):
        assert math.isnan(rows[row, "fd_test", "alexnet_conv5_gap"]["difference"])
    assert rows["both", "precision", "alexnet_conv5_gap"]["difference"] == 0.0


def test_the_papers_figure_stands_beside_fd_to_test_alone():
    rows = table2(generation(FD))
    assert rows["both", "fd_test", "alexnet_conv5_gap"]["paper"] == 8.369
    others = [found["paper"] for (row, metric, _), found in rows.items() if (row, metric) != ("both", "fd_test")]
    assert {paper for paper in others if not math.isnan(paper)} == {8.985}


@pytest.mark.parametrize(("fork", "told"), [(10.5, ""), (11.0, ""), (12.5, "20 % lower than at the fork")])
def test_a_baseline_far_from_its_end_is_flagged(fork, told):
    rows = table2(generation(FD | {"fork": fork}))
    noted = {key: found["note"] for key, found in rows.items() if found["note"]}
    if not told:
        assert noted == {}
    else:
        assert noted.keys() == {("baseline", "fd_test", network) for _, _, network in rows}
        assert all(told in note for note in noted.values())


def test_scale_says_what_was_run():
    scale = headline(generation(FD, seeds=2), "both")["scale"]
    assert scale == (
        "Experiment smoke: Tiny DDPM on Shapes in the place of the paper's CelebA-HQ, 600 + 1,500 training steps, "
        "100 images in each row, 2 seeds"
    )


def test_rows_of_different_size_do_not_compare():
    metrics = [*generation(FD), line("late", "fd_test", 1.0, n_images=50)]
    with pytest.raises(InputError, match="rows of 100 and 50 images"):
        table2(metrics)


def test_data_sets_and_the_floor_may_differ_in_size():
    """A test split may be small, and the training split hold fewer images than were sampled."""
    other = [line | {"dataset": "petals", "n_images": 50} for line in generation(FD)]
    metrics = [line | ({"n_images": 90} if line["variant"] == "floor" else {}) for line in generation(FD)] + other
    scale = dict.fromkeys([("shapes", "tiny"), ("petals", "tiny")], "")
    found = tables_table2.table2(metrics, PAPER, JUDGEMENT, {}, scale)
    numbers = {(line["dataset"], line["row"] == "floor"): line["n_images"] for line in found}
    assert numbers == {("shapes", False): 100, ("shapes", True): 90, ("petals", False): 50, ("petals", True): 50}


def test_another_reference_is_told():
    """evaluate_generation pairs the images with its own reference."""
    with pytest.raises(InputError, match="reference is 'both', but the rows were compared with baseline"):
        table2(generation(FD), seed_statistics.Judgement("both", 0.017, 6))


def test_summary_holds_plain_finite_numbers():
    scale = seed_statistics.scales(generation(FD, seeds=2), "smoke", ROWS)
    tree = dvc_metrics.summary(table2(generation(FD, seeds=2)).values(), table6.lines(highlighter(2), PAPER, {}, scale))
    assert tree["shapes"]["tiny"]["highlighter"]["f1"] == pytest.approx(0.8)
    both = tree["shapes"]["tiny"]["both"]["alexnet_conv5_gap"]
    assert both["fd_test"] == pytest.approx(9.0 * 1.005)
    assert both["fd_test_difference"] == pytest.approx(math.log(0.9))
    assert "fd_test_difference" not in tree["shapes"]["tiny"]["floor"]["alexnet_conv5_gap"]

    def leaves(branch):
        return [leaf for node in branch.values() for leaf in (leaves(node) if isinstance(node, dict) else [node])]

    assert all(isinstance(leaf, float) and math.isfinite(leaf) for leaf in leaves(tree))


def test_paper_values_are_those_of_the_paper():
    """Its text states the changes; they must follow from the figures."""
    lines = list(csv.DictReader(PAPER_VALUES.read_text().splitlines()))
    keys = [(line["table"], line["row"], line["dataset"], line["metric"]) for line in lines]
    assert len(set(keys)) == len(keys)
    fid = {line["row"]: float(line["value"]) for line in lines if line["table"] == "table2"}
    gains = {row: round(100.0 * (1.0 - value / fid["baseline"]), 1) for row, value in fid.items()}
    assert gains == {"baseline": 0.0, "forward": 5.2, "reverse": 6.0, "both": 6.9}
