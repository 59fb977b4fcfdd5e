"""A plan as numbers and in words."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from selfrefine.cost import plan_table
from selfrefine.cost.flops import Network
from selfrefine.cost.loads import Load, memory
from selfrefine.cost.planned_jobs import Planned
from selfrefine.cost.work import Asked
from tests.support.tiny_subject import tiny_network

CPU = torch.device("cpu")
BASE = [("dataset", "shapes"), ("seed", "0")]
TRAINING = Load("train", tiny_network(), 4, 400)
ASKED = {
    Planned("train_base", tuple(BASE)): Asked([TRAINING], 1000),
    Planned("train_refined", (*BASE, ("variant", "both"))): Asked([TRAINING], 10),
    Planned("train_refined", (*BASE, ("variant", "baseline"))): Asked([TRAINING._replace(batch=2)], 10, 3 * 2**20),
    Planned("make_tables", ()): Asked([], 0),
}


def lines(root=Path("nowhere")):
    """Of a machine that takes a second for an image."""
    params = {"experiment": "smoke"}
    seconds = lambda loads: float(sum(load.images for load in loads))  # noqa: E731
    return plan_table.lines(params, ASKED, CPU, torch.float32, (2.0, 500 * 2**20), seconds, root)


def test_networks_of_a_job_are_there_together_and_their_batches_one_after_another():
    sampled = TRAINING._replace(kind="evaluate", batch=64)
    judge = Load("evaluate", Network("judge", lambda: nn.Linear(1000, 9), ((1000,),)), 2, 2)
    kept = TRAINING.state + 4 * 9009
    live = max(load.live(CPU, torch.float32) for load in (TRAINING, sampled, judge))
    assert memory([TRAINING, sampled, judge], CPU, torch.float32) == kept + live
    assert memory([], CPU, torch.float32) == 0


def test_a_stage_is_the_sum_of_its_jobs_and_the_most_memory_and_time_of_one():
    found = lines().set_index("stage")
    assert list(found.index) == ["train_base", "train_refined", "make_tables"]
    refined = found.loc["train_refined"]
    assert (refined["jobs"], refined["start_seconds"], refined["work_seconds"], refined["disk_bytes"]) == (
        2,
        4,
        800,
        20,
    )
    assert refined["flops"] == pytest.approx(2 * TRAINING.flops)
    assert refined["network_bytes"] == memory([TRAINING], CPU, torch.float32)
    assert found.loc["make_tables", "network_bytes"] == 0
    assert list(found["process_bytes"]) == [500 * 2**20, 503 * 2**20, 500 * 2**20]
    assert list(found["longest_seconds"]) == [2.0 + TRAINING.images, 2.0 + TRAINING.images, 2.0]
    assert found["recorded_seconds"].isna().all()


def test_records_of_earlier_runs_are_scaled_to_the_jobs_of_the_plan(tmp_path):
    folder = tmp_path / "benchmarks" / "train_refined" / "smoke"
    folder.mkdir(parents=True)
    (folder / "a.tsv").write_text("s\n30.0\n")
    recorded = lines(tmp_path).set_index("stage")["recorded_seconds"]
    assert recorded["train_refined"] == 2 * 30.0
    assert math.isnan(recorded["train_base"])


TABLE = pd.DataFrame(
    {
        "stage": ["train_base", "make_tables"],
        "jobs": [3, 1],
        "flops": [12.5e12, 0.0],
        "start_seconds": [15.0, 2.0],
        "work_seconds": [160.0, 0.0],
        "disk_bytes": [50 * 2**20, 0],
        "process_bytes": [800 * 2**20, 600 * 2**20],
        "network_bytes": [90 * 2**20, 0],
        "longest_seconds": [60.0, 2.0],
        "recorded_seconds": [170.0, math.nan],
    }
)


def test_columns_are_aligned_and_all_is_the_sum():
    rows = plan_table.text(TABLE).splitlines()
    assert len({len(row) for row in rows}) == 1
    one, two, last = (" ".join(row.split()) for row in rows[1:])
    assert one == "train_base 3 12.5 T 15 s 2.7 min 2.9 min 2.8 min 50 MiB 800 MiB 90 MiB"
    assert two == "make_tables 1 - 2 s 0 s 2 s - - 600 MiB -"
    assert last == "all 4 12.5 T 17 s 2.7 min 3.0 min - 50 MiB 800 MiB 90 MiB"


def test_all_is_recorded_if_every_stage_is_and_without_records_there_is_no_column():
    whole = plan_table.text(TABLE.assign(recorded_seconds=[170.0, 20.0])).splitlines()[-1]
    assert "3.0 min  3.2 min" in whole
    assert "recorded" in plan_table.text(TABLE)
    assert "recorded" not in plan_table.text(TABLE.assign(recorded_seconds=math.nan))


def test_sharing_is_what_the_other_refinements_would_train_again():
    said = plan_table.sharing(ASKED)
    assert said.startswith("Shared: 1 base model behind 2 refinements, ")
    assert f"train {plan_table.scaled(TRAINING.flops)}FLOPs more" in said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (89.4, "89 s"), (90.0, "1.5 min"), (5399.0, "90.0 min"), (5400.0, "1.5 h"), (345600.0, "4.0 d")],
)
def test_durations(seconds, words):
    assert plan_table.duration(seconds) == words
    assert plan_table.duration(math.nan) == "-"


@pytest.mark.parametrize(("flops", "words"), [(0, "-"), (5e5, "0.5 M"), (2.5e9, "2.5 G"), (3.25e18, "3.25 E")])
def test_flops(flops, words):
    assert plan_table.scaled(flops) == words


@pytest.mark.parametrize(
    ("n_bytes", "words"),
    [(0, "-"), (2**19, "0.5 MiB"), (1.5 * 2**20, "1.5 MiB"), (1.5 * 2**40, "1.5 TiB"), (2**53, "8.19e+03 TiB")],
)
def test_sizes(n_bytes, words):
    assert plan_table.size(n_bytes) == words
    assert plan_table.size(1023 * 2**20) == "0.999 GiB"
