"""What pages say of maps that show no place, and of a highlighter that may be guessing."""

import math

import pandas as pd
import pytest

from selfrefine.report import doubtful_maps
from tests.support.tiny_metrics import FD, ROWS, generation, line
from tests.support.tiny_refined import BOTH, PLAIN, Refined, refreshes
from tests.support.tiny_results import tiny_results, titled

FLAT = {"r_mfam": math.nan, "r_first": math.nan, "mfam_mean": 0.0, "mfam_std": 0.0}
TITLES = titled({"baseline": "Baseline", "both": "Both", "uniform": "Uniform"})
SHOWN = pd.DataFrame({"dataset": ["shapes"], "model": ["tiny"]})


def run(variant, *maps, kind="mfam", seed=0, model="tiny"):
    """A refinement with refreshes of these means and deviations."""
    rows = [{"step": k, "mean": mean, "std": std, **FLAT} for k, (mean, std) in enumerate(maps)]
    names = {"dataset": "shapes", "model": model, "variant": variant, "seed": str(seed)}
    return Refined((BOTH if maps else PLAIN) | {"map": kind, "names": names}, refreshes(rows))


def score(value=0.9, low=math.nan, high=math.nan, row="flaw", seed=0):
    return line(row, "roc_auc", value, seed=seed, network="highlighter", low=low, high=high)


def said(*runs, scores=(), table=SHOWN):
    found = tiny_results(generation(FD), runs, rows=ROWS | {"variants": TITLES}, highlighter=scores)
    return doubtful_maps.words(table, found)


GOOD = (0.3, 0.1)


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        (
            [run("both", (0.0, 0.0), (0.0, 0.0))],
            "the map was 0 everywhere, so that it steered nothing, in Both (2 of 2 ",
        ),
        (
            [run("both", GOOD, (0.0, 0.0), GOOD)],
            "the map was 0 everywhere, so that it steered nothing, in Both (1 of 3 ",
        ),
        (
            [run("both", (0.0, 0.0)), run("both", GOOD, seed=1)],
            "the map was 0 everywhere, so that it steered nothing, in Both (1 of 2 refreshes).",
        ),
        (
            [run("both", (0.0, 0.0)), run("uniform", (0.0, 0.0), kind="uniform")],
            "in Both (1 of 1 refreshes), Uniform (1 of 1 refreshes).",
        ),
        (
            [run("both", (0.4, 1e-9))],
            "was the same everywhere, so that it had strength and no place, in Both (1 of 1 re",
        ),
        ([run("both", (1e-9, 1e-9))], "the map was 0 everywhere"),
    ],
)
def test_flat_maps_are_told_with_the_rows_that_had_them(runs, told):
    text = said(run("baseline"), *runs)
    assert text.startswith(
        "\n## Maps to doubt\n\nWhat rests on these maps says nothing of flaws.\n\n- Tiny DDPM on Shapes: "
    )
    assert told in text
    assert text.count("\n- ") == 1


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ((0.52, 0.47, 0.57), "ROC-AUC 0.520 [0.470, 0.570] in seed 0, where 0.5 is guessing (Table 6)."),
        ((0.55, 0.5, 0.6), "ROC-AUC 0.550 [0.500, 0.600] in seed 0, where"),
        ((0.3, 0.2, 0.4), "ROC-AUC 0.300 [0.200, 0.400] in seed 0, where"),
        ((0.5, math.nan, math.nan), "ROC-AUC 0.500 in seed 0, where"),  # it says the same of every image
    ],
)
def test_a_highlighter_that_may_be_guessing_is_told(figures, told):
    text = said(run("both", GOOD), scores=[score(*figures), score(0.9, 0.8, 1.0, seed=1)])
    assert (
        f"- Tiny DDPM on Shapes: the flaw highlighter is not shown to tell generated images from real ones: {told}"
        in text
    )
    assert "seed 1" not in text


@pytest.mark.parametrize(
    "scores",
    [
        (),
        [score(0.51, 0.501, 0.52)],
        [score(1.0)],
        [score(0.5, 0.4, 0.6, row="label_shuffled"), score(0.9, 0.8, 1.0)],
    ],
)
def test_nothing_is_said_where_all_is_well(scores):
    uniform = run("uniform", (0.4, 0.0), kind="uniform")
    assert said(run("baseline"), run("both", GOOD), uniform, scores=scores) == ""


def test_a_page_says_nothing_of_what_it_does_not_show():
    doubted = [run("both", (0.0, 0.0))], [score(0.5, 0.4, 0.6)]
    assert said(*doubted[0], scores=doubted[1]).count("\n- ") == 2
    assert said(*doubted[0], scores=doubted[1], table=SHOWN.assign(model="ldm")) == ""
    assert said(*doubted[0], scores=doubted[1], table=SHOWN[:0]) == ""
