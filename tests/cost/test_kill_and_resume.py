"""A training that is killed and goes on, and the faults that the check would see."""

import pytest
import torch

from selfrefine.core import training_state
from selfrefine.core.errors import InputError
from selfrefine.cost import kill_and_resume
from selfrefine.cost.kill_and_resume import difference
from selfrefine.params import packaged

SMOKE = packaged.of_experiment("smoke")


def test_a_training_that_outlives_its_kill_is_told(tmp_path):
    late = kill_and_resume.UPDATES + 1
    with pytest.raises(InputError, match="the training that was to be killed was not: it ended"):
        kill_and_resume._train_in_a_process(SMOKE, "cpu", tmp_path / "late", late, 60.0)


@pytest.mark.parametrize(("seconds", "fault"), [(0.05, "time was up"), (60.0, "File exists")])
def test_a_training_that_does_not_end_is_told(tmp_path, seconds, fault):
    if fault == "File exists":
        (tmp_path / "first").write_text("a file in the place of its folder")
    with pytest.raises(InputError, match=f"the training in first did not end: .*{fault}"):
        kill_and_resume._train_in_a_process(SMOKE, "cpu", tmp_path / "first", 0, seconds)


def test_a_kill_is_that_of_the_update_and_leaves_the_checkpoint_before_it(tmp_path):
    kill_and_resume._train_in_a_process(SMOKE, "cpu", tmp_path / "killed", kill_and_resume.KILLED_IN, 60.0)
    _, metadata = training_state.read(tmp_path / "killed")
    assert metadata["step"] == kill_and_resume.CHECKPOINT_EVERY
    assert not (tmp_path / "killed" / kill_and_resume.WEIGHTS).exists()


def test_one_bit_is_a_difference():
    one = {"a": torch.ones(3), "b": torch.zeros(2)}
    other = {"a": torch.ones(3), "b": torch.tensor([0.0, 2.0**-40])}
    assert difference(one, one) == 0.0
    assert difference(one, other) == 2.0**-40
