"""What jobs ask a cluster for: of a plan, of a measured run, of neither."""

from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.params import measured_jobs, requests

PLANNED = "stage,jobs,process_bytes,network_bytes,longest_seconds\ntrain_base,2,{},{},7200.5\n"
GIB = 2**30


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the plan of `paper` and what was measured of `embedded`."""
    plan, measured = tmp_path / "results" / "plan" / "paper.csv", tmp_path / measured_jobs.FILE
    for path in (plan, measured):
        path.parent.mkdir(parents=True)
    plan.write_text(PLANNED.format(4 * GIB, 8 * GIB))
    measured.write_text("experiment,stage,mib,seconds\nembedded,train_base,800,36.5\n")
    return tmp_path


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_plan_or_a_measured_run_decides_with_a_margin_and_each_attempt_asks_for_more(
    attempt: int, root: Path
) -> None:
    asked = {
        name: (requests.mib(*name, attempt, root), requests.minutes(*name, attempt, root))
        for name in [("paper", "train_base"), ("embedded", "train_base"), ("paper", "make_tables"), ("small", "any")]
    }
    assert asked == {
        ("paper", "train_base"): ((12 * 1024 * 5 // 4 + 2000) * attempt, (241 + 120) * attempt),
        ("embedded", "train_base"): ((1000 + 2000) * attempt, (2 + 120) * attempt),
        ("paper", "make_tables"): (16_000 * attempt, 1440),
        ("small", "any"): (16_000 * attempt, 1440),
    }


def test_on_one_machine_jobs_side_by_side_take_what_the_plan_says_and_else_the_measured_peak(root: Path) -> None:
    """By the peaks of a small experiment a large machine would start seven jobs of the paper's scale at once."""
    here = {
        experiment: requests.mib_here(experiment, "train_base", root) for experiment in ("paper", "embedded", "small")
    }
    assert here == {"paper": 12 * 1024 * 5 // 4 + 2000, "embedded": 1000, "small": 1000}


def test_no_new_attempt_asks_for_more_than_a_day_unless_the_plan_does(root: Path) -> None:
    lines = [PLANNED.format(GIB, 0), f"train_refined,2,{GIB},0,{30 * 3600}\n", f"generate_fakes,2,{GIB},0,{9 * 3600}\n"]
    (root / "results" / "plan" / "small.csv").write_text("".join(lines))
    for stage, expected in [("train_refined", [3720, 3720, 3720]), ("generate_fakes", [1200, 1440, 1440])]:
        assert [requests.minutes("small", stage, attempt, root) for attempt in (1, 2, 3)] == expected


@pytest.mark.parametrize("text", ["stage,jobs\ntrain_base,2\n", PLANNED.format("much", 1), PLANNED.format("nan", 1)])
def test_what_is_no_plan_is_refused_in_one_line(text: str, root: Path) -> None:
    (root / "results" / "plan" / "paper.csv").write_text(text)
    with pytest.raises(InputError) as told:
        requests.planned("paper", root)
    assert str(told.value) == (
        "results/plan/paper.csv: not a plan with the columns stage, process_bytes, network_bytes, longest_seconds; "
        "write it anew: selfrefine plan --experiment paper --csv results/plan/paper.csv"
    )
