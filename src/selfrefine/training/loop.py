"""The loop of both phases: updates, refreshes of the map, log, checkpoints, resume."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfrefine.core import stopping, training_state
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress
from selfrefine.guidance.refinement import Refinement, Refresh
from selfrefine.training.trainer import Trainer

REMEDY = f"lower train_base.learning_rate in params.yaml, or set shared.precision to float32, and {training_state.ANEW}"


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
) -> None:
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
        refresh: makes the maps and keeps what is needed of them; new at the start of the phase.

    Raises:
        InputError: a loss or, before they are kept, weights that are not finite.
    """
    losses = _resume(trainer, refresh, scratch)  # since the last row of the log
    total, keep = last_step - first_step, partial(_checkpoint, trainer, refresh, losses, scratch)
    with (  # before the phase's first update there is nothing to keep
        stopping.listening(label, lambda: trainer.step if trainer.step == first_step else keep()) as stop,
        Progress(label, total, start=trainer.step - first_step, items=trainer.settings.batch_size) as progress,
    ):
        while trainer.step < last_step:
            if refinement is not None and refresh is not None and refinement.due(trainer.step, first_step):
                with trainer.ema_weights() as network, _checked_between(stop, network):
                    refresh(network, trainer.step)
            losses.append(trainer.update(None if refresh is None else refresh.current, refinement))
            ended = trainer.step == last_step
            if trainer.step % log_every == 0 or trainer.step % checkpoint_every == 0 or ended:
                _log(trainer, losses)
                losses.clear()
                progress.update(trainer.step - first_step, loss=trainer.log[-1][1])
            if ended:
                training_state.check_finite(trainer.tensors(), trainer.step, REMEDY)
            elif trainer.step % checkpoint_every == 0:
                keep()
            stop.check()


@contextmanager
def _checked_between(stop: stopping.Stop, network: nn.Module) -> Iterator[None]:
    """A refresh evaluates the network for longer than a stop may take, and keeps nothing before it has ended."""
    hook = network.register_forward_pre_hook(lambda *_: stop.check())
    try:
        yield
    finally:
        hook.remove()


def _log(trainer: Trainer, losses: list[Tensor]) -> None:
    """Adds the mean loss of the last steps to the log; the only place where the loop waits for an accelerator."""
    loss = float(torch.stack(losses).mean())
    if not math.isfinite(loss):
        raise InputError(f"loss is {loss} at step {trainer.step}", REMEDY)
    trainer.log.append((trainer.step, loss, trainer.settings.rate(trainer.step - 1)))


def _checkpoint(trainer: Trainer, refresh: Refresh | None, losses: list[Tensor], scratch: Path) -> int:
    tensors, rows = trainer.tensors(), refresh.rows if refresh else []
    tensors |= training_state.grouped("maps", refresh.tensors()) if refresh else {}
    tensors |= training_state.unlogged(losses)
    return training_state.write(scratch, tensors, trainer.step, REMEDY, log=trainer.log, refreshes=rows)


def _resume(trainer: Trainer, refresh: Refresh | None, scratch: Path) -> list[Tensor]:
    """Takes over what `_checkpoint` kept, if anything; returns the losses that are not yet in the log."""
    if (kept := training_state.read(scratch)) is None:
        return []
    tensors, metadata = kept
    trainer.restore(tensors, metadata["step"])
    trainer.log = [(step, loss, rate) for step, loss, rate in metadata["log"]]
    if refresh is not None:
        refresh.restore(training_state.of_group("maps", tensors), metadata["refreshes"], trainer.device)
    return training_state.restored_losses(tensors, trainer.device)


def log_columns(trainer: Trainer) -> dict[str, list[Any]]:
    """The log as the columns of loss.csv."""
    step, loss, rate = zip(*trainer.log, strict=True)
    return {"step": list(step), "loss": list(loss), "learning_rate": list(rate)}
