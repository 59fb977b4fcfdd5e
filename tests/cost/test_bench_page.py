"""The page says what the tables hold and whether it is enough."""

import math

from selfrefine.cost import bench_page, refresh_cost
from selfrefine.cost.clock import rate_lines
from selfrefine.cost.diffusers_sampling import STOCK
from selfrefine.cost.diffusers_training import DIFFUSERS
from tests.support.tiny_subject import SIZES, counted_seconds

TRAINING = rate_lines({DIFFUSERS: [2.0, 2.0], "ours, float32": [1.6, 1.6], "ours, bfloat16": [1.0, 1.0]}, 64, DIFFUSERS)
SAMPLING = [
    line | {"largest_difference": gap, "mean_difference": gap / 10.0}
    for line, gap in zip(
        rate_lines({STOCK: [2.0], "ours, float32": [1.9], "ours, bfloat16": [1.8]}, 64, STOCK),
        (0.0, 2e-6, 0.02),
        strict=True,
    )
]
COUNTED = [
    {"model": "DDPM", "size": 128, "images": 64, "steps": 10, "cycle": 100, "evaluation_gflops": 132.85, "batch": batch}
    | {"explaining_gflops": 10.03, "cost": cost, "meets": cost <= 1.05}
    for batch, cost in ((8, 1.2687), (64, 1.0336))
]
STAGES = [
    {"stage": "train_base", "jobs": 2, "seconds": 75.0, "peak_mib": 1000.4, "share": 0.75},
    {"stage": "make_tables", "jobs": 1, "seconds": 25.0, "peak_mib": math.nan, "share": 0.25},
]


def write(sampling=SAMPLING, stages=STAGES):
    costs = refresh_cost.lines(counted_seconds(), SIZES)
    return bench_page.bench_page("Some machine.", costs, COUNTED, TRAINING, sampling, stages, "embedded")


def row(text, *beginning):
    """Cells of the first table row that begins so."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return next(cells for cells in rows if tuple(cells[: len(beginning)]) == beginning)


def test_costs_stand_by_batch_and_refresh_and_those_within_the_limit_are_marked():
    text = write()
    assert row(text, "2", "ours, 4 x 3")[5:] == ["1.200", "1.020 *"]
    assert row(text, "4", "authors, B x 5")[5:] == ["1.167", "1.017 *"]
    assert row(text, "4", "ours, 4 x 3")[2:5] == ["18", "8 %", "1.000"]
    assert row(text, "4", "authors, B x 5")[3] == "-"
    assert "- batch 2, ours, 4 x 3: 1.020 [1.020, 1.020], meets 1.05\n" in text


def test_what_misses_the_limit_is_told():
    slow = counted_seconds()
    slow["ours", 4, 3] = [10.0 * seconds for seconds in slow["ours", 4, 3]]
    text = bench_page.bench_page("", refresh_cost.lines(slow, SIZES), COUNTED, TRAINING, SAMPLING, [], "embedded")
    assert "- batch 2, ours, 4 x 3: 1.200 [1.200, 1.200], misses 1.05\n" in text


def test_counted_costs_stand_by_network():
    assert row(write(), "DDPM, 128 px") == ["DDPM, 128 px", "133", "10", "1.269", "1.034 *"]


def test_targets_are_judged_by_the_machines_precision():
    text = write()
    assert row(text, "ours, bfloat16") == ["ours, bfloat16", "64.0 [64.0, 64.0]", "2.00 [2.00, 2.00]"]
    assert "by ours, bfloat16: 1.6; reached." in text
    assert "by ours, bfloat16: 1.5; not reached." in text


def test_agreement_is_told_for_float32():
    assert "- ours, float32: largest 2e-06, mean 2e-07; agrees within 0.0001\n" in write()
    assert "- ours, bfloat16: largest 0.02, mean 0.002\n" in write()
    apart = [line | {"largest_difference": 0.002} for line in SAMPLING]
    assert "largest 0.002, mean 2e-07; **does not agree** within 0.0001\n" in write(sampling=apart)


def test_stages_have_a_sum_and_a_missing_run_a_line():
    text = write()
    assert row(text, "train_base") == ["train_base", "2", "75", "75 %", "1000"]
    assert row(text, "make_tables")[-1] == "-"
    assert row(text, "all") == ["all", "3", "100", "100 %", ""]
    assert "No run of experiment embedded is here" in write(stages=[])
