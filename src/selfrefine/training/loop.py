"""The loop of both phases: updates, refreshes of the map, log, checkpoints, resume."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfrefine.core import training_state
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.guidance.refinement import Refinement, Refresh
from selfrefine.training.trainer import Trainer


@dataclasses.dataclass
class Phase:
    """The maps that a phase used, the mFAMs of the same refreshes, and the steps before which they were made."""

    mfams: list[Tensor] = dataclasses.field(default_factory=list)
    maps: list[Tensor] = dataclasses.field(default_factory=list)
    refreshed_at: list[int] = dataclasses.field(default_factory=list)


def run_phase(
    trainer: Trainer,
    scratch: Path,
    *,
    label: str,
    first_step: int,
    last_step: int,
    checkpoint_every: int,
    log_every: int,
    refinement: Refinement | None = None,
    refresh: Refresh | None = None,
) -> Phase:
    """Trains from wherever a checkpoint in `scratch` stands, or from `first_step`, up to `last_step`.

    Args:
        trainer: at `first_step`.
        scratch: the job's scratch folder.
        label: for the progress lines.
        first_step: number of the phase's first update.
        last_step: number of updates at its end.
        checkpoint_every: steps between checkpoints.
        log_every: steps whose mean loss is one row of the log.
        refinement: how the map is used; None for the base phase.
        refresh: makes the maps of the next refresh with the network that it is given.

    Raises:
        InputError: a loss that is not finite.
    """
    phase = _resume(trainer, scratch)
    losses: list[Tensor] = []
    total = last_step - first_step
    with Progress(label, total, start=trainer.step - first_step, items=trainer.settings.batch_size) as progress:
        while trainer.step < last_step:
            if refinement is not None and refresh is not None and refinement.due(trainer.step, first_step):
                with trainer.ema_weights() as network:
                    made = refresh(network, phase.mfams)
                phase.mfams.append(made.mfam)
                phase.maps.append(made.used.clone())  # may be the mFAM itself; a checkpoint takes no tensor twice
                phase.refreshed_at.append(trainer.step)
            losses.append(trainer.update(phase.maps[-1] if phase.maps else None, refinement))
            ended = trainer.step == last_step
            if trainer.step % log_every == 0 or trainer.step % checkpoint_every == 0 or ended:
                _log(trainer, losses, scratch)
                losses = []
                progress.update(trainer.step - first_step, loss=trainer.log[-1][1])
            if trainer.step % checkpoint_every == 0 and not ended:
                _checkpoint(trainer, phase, scratch)
    return phase


def _log(trainer: Trainer, losses: list[Tensor], scratch: Path) -> None:
    """Adds the mean loss of the last steps to the log; the only place where the loop waits for an accelerator."""
    loss = float(torch.stack(losses).mean())
    if not math.isfinite(loss):
        held = training_state.kept_step(scratch)
        kept = f"the checkpoint of step {held} is kept" if held else "there was no checkpoint yet"
        raise InputError(
            f"loss is {loss} at step {trainer.step}",
            f"{kept}; lower train_base.learning_rate in params.yaml, or set shared.precision to float32, and run the "
            "same command",
        )
    trainer.log.append((trainer.step, loss, trainer.settings.rate(trainer.step - 1)))


def _checkpoint(trainer: Trainer, phase: Phase, scratch: Path) -> None:
    tensors = trainer.tensors()
    for name, stack in (("mfams", phase.mfams), ("maps", phase.maps)):
        tensors |= {f"{name}/{number}": value for number, value in enumerate(stack)}
    training_state.write(scratch, tensors, trainer.step, log=trainer.log, refreshed_at=phase.refreshed_at)


def _resume(trainer: Trainer, scratch: Path) -> Phase:
    if (kept := training_state.read(scratch)) is None:
        return Phase()
    tensors, metadata = kept
    trainer.restore(tensors, metadata["step"])
    trainer.log = [(step, loss, rate) for step, loss, rate in metadata["log"]]
    refreshed_at: list[int] = metadata["refreshed_at"]
    mfams, used = (
        [tensors[f"{name}/{number}"].to(trainer.device) for number in range(len(refreshed_at))]
        for name in ("mfams", "maps")
    )
    return Phase(mfams, used, refreshed_at)


def log_columns(trainer: Trainer) -> dict[str, list[Any]]:
    """The log as the columns of loss.csv."""
    step, loss, rate = zip(*trainer.log, strict=True)
    return {"step": list(step), "loss": list(loss), "learning_rate": list(rate)}
