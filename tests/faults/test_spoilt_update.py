"""An update that makes weights infinite or NaN: its loss, taken before it, is fine; nothing of it is kept."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from selfrefine.core import training_state
from selfrefine.core.errors import InputError
from selfrefine.stages import train_base
from tests.support import tiny
from tests.support.every_trainer import CHECKPOINT_EVERY, STEPS, TRAINERS, of_diffusion


def spoil(trainer: Any, step: int, value: float) -> None:
    """Lets the update with this number, from 1, end with one weight of this value."""

    def hook(optimiser: torch.optim.Optimizer, *_: Any) -> None:
        if trainer.step == step - 1:
            optimiser.param_groups[0]["params"][-1].data.view(-1)[0] = value

    trainer.optimiser.register_step_post_hook(hook)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("step", [CHECKPOINT_EVERY, STEPS], ids=["before a checkpoint", "the last"])
@pytest.mark.parametrize("name", TRAINERS)
def test_no_trainer_keeps_or_returns_weights_that_are_not_finite(
    name: str, step: int, value: float, tmp_path: Path
) -> None:
    trainer, run = TRAINERS[name]()
    spoil(trainer, step, value)
    with pytest.raises(
        InputError, match=rf"(not finite after|is (nan|inf).* at) step {step}\b.*lower train_\w+.learning"
    ) as told:
        run(tmp_path, "test")
    kept = training_state.read(tmp_path)
    assert (None if kept is None else kept[1]["step"]) == (
        None if step == CHECKPOINT_EVERY else step - CHECKPOINT_EVERY
    )
    assert str(told.value).endswith(training_state.ANEW)
    assert "checkpoint" not in str(told.value)  # none helps the mended run: see the next test


def test_a_mended_run_begins_anew_as_the_message_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = tiny.write_images(tmp_path / "images.npy")
    with pytest.raises(InputError, match=r"lower train_base\.learning_rate .*: training begins anew"):
        train_base.run(tiny.base_job(images, tmp_path / "out", learning_rate=1e30, warmup_steps=1000))
    capsys.readouterr()
    train_base.run(tiny.base_job(images, tmp_path / "out"))
    told = capsys.readouterr().out
    assert "starting afresh" in told
    assert "going on" not in told


def test_an_average_alone_that_is_not_finite_is_found(tmp_path: Path) -> None:
    """It enters no loss at all, but it is what is saved."""
    trainer, run = of_diffusion("ddpm")
    next(iter(trainer.ema.values())).view(-1)[0] = math.nan
    with pytest.raises(InputError, match=f"ema/.* is not finite after step {CHECKPOINT_EVERY}"):
        run(tmp_path, "test")


def test_a_stage_whose_last_update_overflows_leaves_nothing(tmp_path: Path) -> None:
    """A rate above float32: the one loss is finite, the weights after it are not."""
    images = tiny.write_images(tmp_path / "images.npy")
    job = tiny.base_job(images, tmp_path / "out", steps=1, learning_rate=1e39, warmup_steps=0, decay_at=1.0)
    with pytest.raises(InputError, match=r"not finite after step 1, .*lower train_base.learning_rate"):
        train_base.run(job)
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file() and ".scratch" not in path.parts] == []
