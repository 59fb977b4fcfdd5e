"""The search space of the paper: rows that differ in one factor alone are found, whatever they are called."""

import math

import pytest

from selfrefine.report import families, seed_statistics
from selfrefine.report.results import Refined
from selfrefine.report.seed_statistics import Judgement
from selfrefine.report.tables import sweep
from tests.support import tiny_metrics
from tests.support.tiny_metrics import ROWS
from tests.support.tiny_refined import BOTH, PLAIN

JUDGEMENT = Judgement("baseline", 0.017, 6, "alexnet_conv5_gap")
DEFAULT = BOTH | {"cycle": 100, "steps": 1000, "cam_target": "logit_difference"}
FORWARD, REVERSE = DEFAULT | {"reverse": "none"}, DEFAULT | {"forward": "none"}
# Row -> its leaves; the names say nothing of them.
LEAVES = {
    "baseline": DEFAULT | {"forward": "none", "reverse": "none"},
    "both": DEFAULT,
    "a": DEFAULT | {"cycle": 10},
    "b": DEFAULT | {"forward_weight": 0.1},
    "c": FORWARD,
    "d": FORWARD | {"forward_weight": 0.1},
    "e": REVERSE,
    "f": REVERSE | {"reverse_weight": 0.1},
    "g": REVERSE | {"reverse_weight": 0.1, "map": "uniform"},
    "h": REVERSE | {"map": "uniform"},
    "sham": DEFAULT | {"forward_weight": 0.0001, "reverse_weight": 0.00025},
    "authors": REVERSE | {"reverse_weight": 0.0},
    "ip": DEFAULT | {"forward": "none", "reverse": "none", "gamma": 0.1},
}
RATIOS = {"tiny": [1000, 1000], "short": [400, 1600], "other": [400, 800], "stranger": [400, 1600]}
DATA = ROWS["datasets"]["shapes"] | {"models": {name: {"steps": steps} for name, steps in RATIOS.items()}}
MODELS = {name: {"title": f"Model {name}", "in_place_of": "tiny"} for name in ("short", "other")}
WORDS = ROWS | {
    "datasets": {"shapes": DATA},
    "models": {"tiny": {"title": "Tiny DDPM"}, **MODELS, "stranger": {"title": "Another network"}},
}
TITLES = {name: row["title"] for rows in WORDS.values() for name, row in rows.items()} | {
    name: f"Row {name}" for name in LEAVES
}


def run(row, model="tiny", seed=0, refreshes=3, **leaves):
    names = {"dataset": "shapes", "model": model, "variant": row, "seed": str(seed)}
    return Refined({**LEAVES[row], "steps": RATIOS[model][1], **leaves, "names": names}, [{}] * refreshes)


RUNS = [run(row, seed=seed) for row in LEAVES for seed in range(2)]


def found(runs):
    """(factor, name) -> rows and settings."""
    return {
        (factor, name): [(*arm.key[1:], arm.values[factor]) for arm in group]
        for factor, name, group in sweep.series(sweep.arms(runs, WORDS))
    }


def table(runs, fd=None, seeds=2):
    """Lines of sweep.csv of an imagined run: FD of the k-th row is 10 + k, and 1 % more in each later seed."""
    models = list(dict.fromkeys(run.key[1] for run in runs))
    metrics = []
    for number, model in enumerate(models):
        rows = list(dict.fromkeys(run.key[2] for run in runs if run.key[1] == model))
        distances = fd or {row: 10.0 * (number + 1) + k for k, row in enumerate(rows)}
        own = {row: distances[row] for row in rows} | {"fork": 20.0, "floor": 1.0}
        metrics += [line | {"model": model} for line in tiny_metrics.generation(own, seeds)]
    scale = seed_statistics.scales(metrics, "sweep", WORDS)
    whole = families.every_model(metrics, [], JUDGEMENT, {"shapes": "tiny"}, {}, scale)
    return sweep.lines(whole, metrics, runs, "baseline", WORDS)


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
            Refined(
                DEFAULT | {"forward_weight": forward, "reverse_weight": reverse} | {"names": run(row).config["names"]},
                [],
            )
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
        assert all(list(line) == sweep.COLUMNS for line in lines)
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
        text = sweep.page(table(runs), judgement=JUDGEMENT, titles=TITLES)
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
        text = sweep.page([], judgement=JUDGEMENT, titles=TITLES)
        assert text.splitlines()[1:] == ["", sweep.NONE_SELECTED]

    @pytest.mark.parametrize(
        ("factor", "setting", "words"),
        [("ratio", 0.25, "1:4"), ("ratio", 1.0, "1:1"), ("ratio", 4.0, "4:1"), ("cycle", 1000, "1,000")],
    )
    def test_settings_are_printed_as_in_the_paper(self, factor, setting, words):
        assert sweep.setting_words(factor, setting) == words


def test_plain_rows_are_no_arms():
    assert sweep.arms([Refined(PLAIN | {"names": run("baseline").config["names"]}, [])], WORDS) == []
