"""The search space of the paper: rows that differ in one factor alone are found, whatever they are called."""

import math

import pytest

from selfrefine.report import results
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import sweep
from tests.support.tiny_refined import PLAIN
from tests.support.tiny_sweep import DEFAULT, RATIOS, RUNS, WORDS, run, sweep_results


def found(runs):
    """(factor, name) -> rows and settings."""
    table = sweep.series(sweep.arms(results.runs(runs), WORDS))
    series = {}
    for line in records(table):
        points = series.setdefault((line["factor"], line["series"]), [])
        points.append((line["model"], line["row"], line["setting"]))
    return series


def table(runs, seeds=2):
    return records(sweep.lines(sweep_results(runs, seeds)))


def page(runs):
    found = sweep_results(runs)
    return sweep.page(sweep.lines(found), found)


class TestSeries:
    def test_rows_that_differ_in_one_factor_alone_are_a_series(self):
        assert found(RUNS) == {
            ("cycle", "both"): [("tiny", "a", 10), ("tiny", "both", 100)],
            ("forward_weight", "both"): [("tiny", "both", 0.01), ("tiny", "b", 0.1)],
            ("forward_weight", "forward"): [("tiny", "c", 0.01), ("tiny", "d", 0.1)],
            ("reverse_weight", "reverse"): [("tiny", "e", 0.025), ("tiny", "f", 0.1)],
            ("reverse_weight", "reverse, map uniform"): [("tiny", "h", 0.025), ("tiny", "g", 0.1)],
        }

    def test_any_other_leaf_that_differs_parts_two_rows(self):
        assert found([run("both"), run("a")])
        assert not found([run("both"), run("a", cam_target="softmax")])
        assert not found([run("both"), run("sham")])

    def test_the_weight_of_a_process_that_is_off_does_not_matter(self):
        runs = [run("c", reverse_weight=0.5), run("d")]
        assert list(found(runs)) == [("forward_weight", "forward")]

    def test_a_ratio_is_of_models_in_one_place_with_equal_totals(self):
        runs = [run("both", model=model) for model in RATIOS]
        assert found(runs) == {(sweep.RATIO, "both"): [("short", "both", 0.25), ("tiny", "both", 1.0)]}

    def test_the_grid_of_two_factors_tells_its_series_apart(self):
        weights = [(0.01, 0.025), (0.1, 0.025), (0.01, 0.1), (0.1, 0.1)]
        runs = [
            run(row, **DEFAULT | {"forward_weight": forward, "reverse_weight": reverse})
            for row, (forward, reverse) in zip("abcd", weights, strict=True)
        ]
        assert set(found(runs)) == {
            ("forward_weight", "both, reverse_weight 0.025"),
            ("forward_weight", "both, reverse_weight 0.1"),
            ("reverse_weight", "both, forward_weight 0.01"),
            ("reverse_weight", "both, forward_weight 0.1"),
        }


class TestLines:
    def test_the_difference_is_to_the_baseline_of_the_same_model(self):
        runs = [run(row, model, seed) for model in ("tiny", "short") for row in ("baseline", "both") for seed in (0, 1)]
        lines = {line["model"]: line for line in table(runs) if line["network"] == "vgg16_conv5_gap"}
        assert lines["tiny"]["difference"] == pytest.approx(math.log(11 / 10))
        assert lines["short"]["difference"] == pytest.approx(math.log(21 / 20))
        assert {line["family"] for line in lines.values()} == {"tiny"}
        assert lines["short"]["by_seed"] == f"0:{math.log(21 / 20):.9g} 1:{math.log(21 / 20):.9g}"

    def test_columns_intervals_and_maps(self):
        lines = table(RUNS)
        assert list(lines[0]) == sweep.COLUMNS
        (line,) = [x for x in lines if (x["factor"], x["row"], x["network"]) == ("cycle", "a", "alexnet_conv5_gap")]
        assert (line["setting"], line["n_maps"], line["process"], line["map"]) == (10, 3, "both", "mfam")
        assert line["difference"] == pytest.approx(math.log(12 / 10))
        assert line["image_difference_low"] < line["difference"] < line["image_difference_high"]
        assert (line["n_seeds"], line["verdict"]) == (2, "not assessed")

    def test_without_two_settings_there_is_no_line(self):
        assert table([run("baseline"), run("both"), run("c"), run("e")], seeds=1) == []


class TestPage:
    def test_every_series_stands_under_its_factor_with_its_settings(self):
        runs = [*RUNS, *(run(row, "short", seed) for row in ("baseline", "both") for seed in (0, 1))]
        text = page(runs)
        assert text.index("alexnet") < text.index("vgg16")  # the primary one first
        for words in sweep.FACTORS.values():
            assert f"### {words}, features of `vgg16_conv5_gap`" in text
        row, _ = [line for line in text.splitlines() if "Row a " in line]  # one in each feature space
        assert [cell.strip() for cell in row.split("|")[1:5]] == ["both", "10", "Row a", "3"]
        assert "+20.0 %" in row
        assert "1:4" in text
        assert "exploratory" in text
        assert "nan" not in text

    def test_nothing_to_show_is_said_in_one_line(self):
        text = page([run("baseline"), run("both")])
        assert text.splitlines()[1:] == ["", sweep.NONE_SELECTED]

    @pytest.mark.parametrize(
        ("factor", "setting", "words"),
        [("ratio", 0.25, "1:4"), ("ratio", 1.0, "1:1"), ("ratio", 4.0, "4:1"), ("cycle", 1000, "1,000")],
    )
    def test_settings_are_printed_as_in_the_paper(self, factor, setting, words):
        assert sweep.setting_words(factor, setting) == words


def test_plain_rows_are_no_arms():
    assert sweep.arms(results.runs([run("baseline", **PLAIN)]), WORDS).empty
