"""An update that makes weights infinite or NaN: its loss, taken before it, is fine; nothing of it is kept."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from selfrefine.core import training_state
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.training import HighlighterTrainer
from selfrefine.highlighter.training import Settings as HighlighterSettings
from selfrefine.stages import train_base
from selfrefine.training import classifier, loop
from selfrefine.training.autoencoder import AutoencoderTrainer
from tests.support import tiny, tiny_garments, tiny_highlighter, tiny_latent, tiny_trainers

STEPS, CHECKPOINT_EVERY = 6, 3
Run = Callable[[Path, str], None]


def of_diffusion(family: str) -> tuple[Any, Run]:
    made = tiny_trainers.trainer(family)
    steps = {"first_step": 0, "last_step": STEPS, "checkpoint_every": CHECKPOINT_EVERY, "log_every": 1}
    return made, lambda scratch, label: loop.run_phase(made, scratch, label=label, **steps)


def of_autoencoder(kind: autoencoder.Kind) -> tuple[Any, Run]:
    model = autoencoder.build(kind, tiny_latent.AUTOENCODER, tiny.SIZE, 0)
    how = tiny_latent.autoencoder_config(steps=STEPS, checkpoint_every=CHECKPOINT_EVERY)
    made = AutoencoderTrainer(model, tiny.tiny_images(), how, seed=0, dtype=torch.float32)
    return made, made.run


def of_classifier() -> tuple[Any, Run]:
    images, labels = tiny_garments.garments(40, seed=0)
    how = classifier.Settings(STEPS, 8, 0.001, 0.0, CHECKPOINT_EVERY, 0)
    model = classifier.initial_classifier(labels, images.shape[1], 0)
    made = classifier.ClassifierTrainer(model, images, labels, how, torch.float32)
    return made, made.run


def of_highlighter() -> tuple[Any, Run]:
    data = RealsAndFakes(tiny.tiny_images(32), tiny.tiny_images(32)[::-1], seed=0)
    how = HighlighterSettings(STEPS, 2, 1e-5, 0.01, validate_every=CHECKPOINT_EVERY)
    made = HighlighterTrainer(tiny_highlighter.highlighter(32), data, how, torch.float32)
    return made, made.run


TRAINERS: dict[str, Callable[[], tuple[Any, Run]]] = {
    **{family: partial(of_diffusion, family) for family in tiny_trainers.FAMILIES},
    "vq": partial(of_autoencoder, "vq"),
    "kl": partial(of_autoencoder, "kl"),
    "classifier": of_classifier,
    "highlighter": of_highlighter,
}


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
    ):
        run(tmp_path, "test")
    assert training_state.kept_step(tmp_path) == (None if step == CHECKPOINT_EVERY else CHECKPOINT_EVERY)


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
