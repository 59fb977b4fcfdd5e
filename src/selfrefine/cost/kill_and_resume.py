"""A refinement on a device that is killed in an update and goes on from its checkpoint, beside unbroken ones."""

import dataclasses
import os
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from selfrefine.core import arrays, devices, training_state
from selfrefine.core.errors import InputError
from selfrefine.cost import bench_subject, bounded
from selfrefine.cost.bounded import Tell
from selfrefine.cost.clock import Line
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.training import loop

RESUME = "resume"  # section
UPDATES, CHECKPOINT_EVERY = 8, 3
CYCLE, KILLED_IN = 2, 5  # a map was made anew after the last checkpoint: it is made again
BATCH, RECIPE = 8, MapRecipe(map_images=4, map_steps=2)
WEIGHTS = "weights.safetensors"


def measure(params: Mapping[str, Any], on: str, seconds: float, tell: Tell) -> None:
    """One line of RESUME: the update after which the killed training went on, and how its weights and those of a second
    unbroken one differ from those of the first.

    Args:
        params: the whole params, of a small experiment.
        on: a device by name, as of `devices.device`.
        seconds: that one training may take.
        tell: takes the line.

    Raises:
        InputError: a training did not end, was not killed, or had kept nothing when it was.
    """
    with TemporaryDirectory() as folder:
        first, second, killed = (Path(folder, name) for name in ("first", "second", "killed"))
        for place in (first, second):
            _train_in_a_process(params, on, place, 0, seconds)
        _train_in_a_process(params, on, killed, KILLED_IN, seconds)
        if (kept := training_state.read(killed)) is None:
            raise InputError("the training that was killed had kept no checkpoint")
        _train_in_a_process(params, on, killed, 0, seconds)
        unbroken = _weights(first)
        told: Line = {"updates": UPDATES, "killed_in": KILLED_IN, "went_on_after": kept[1]["step"]}
        told |= {"largest_weight": max(float(value.abs().max()) for value in unbroken.values())}
        told |= {"unbroken_difference": difference(unbroken, _weights(second))}
        tell(RESUME, told | {"resumed_difference": difference(unbroken, _weights(killed))})


def _train_in_a_process(params: Mapping[str, Any], on: str, place: Path, killed_in: int, seconds: float) -> None:
    """Trains, in a process that kills itself in the middle of this update; in none if it is 0."""
    ended = bounded.run(partial(train, params, on, place, killed_in), seconds, lambda section, line: None)
    if killed_in and ended.code != -signal.SIGKILL:
        raise InputError(f"the training that was to be killed was not: {ended.fault or 'it ended'}")
    if ended.fault and not killed_in:
        raise InputError(f"the training in {place.name} did not end: {ended.fault}")


def train(params: Mapping[str, Any], on: str, place: Path, killed_in: int, _tell: Tell) -> None:
    """Refines a network with random weights from where a checkpoint in `place` stands, and writes what it is then."""
    place.mkdir(exist_ok=True)
    with devices.device(on, "--device") as device:
        subject = bench_subject.of_params(params, device)
        trainer = subject.trainer(BATCH, subject.dtype)
        how: dict[str, Any] = {"dtype": subject.dtype, "horizontal_flip": subject.settings.horizontal_flip}
        guide = Guide(RECIPE, trainer.schedule, subject.highlighter, subject.images, seed=bench_subject.SEED, **how)

        def kill_in_time(*_: object) -> None:
            """After the weights of that update, before their average."""
            if trainer.step + 1 == killed_in:
                os.kill(os.getpid(), signal.SIGKILL)

        trainer.optimiser.register_step_post_hook(kill_in_time)
        loop.run_phase(
            trainer,
            place,
            label="check-gpu",
            first_step=0,
            last_step=UPDATES,
            checkpoint_every=CHECKPOINT_EVERY,
            log_every=CHECKPOINT_EVERY,
            refinement=dataclasses.replace(subject.refinement, cycle=CYCLE),
            refresh=MapHistory(guide),
        )
        arrays.write_tensors(place / WEIGHTS, trainer.tensors(), {})


def _weights(place: Path) -> dict[str, Tensor]:
    return training_state.of_group("weights", arrays.read_tensors(place / WEIGHTS)[0])


def difference(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """The largest of two sets of weights; 0 where they are equal."""
    return max(float((value - other[name]).abs().max()) for name, value in one.items())
