"""How fast a device trains and samples a network, in which memory, and how far bfloat16 moves its loss."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from selfrefine.core import devices
from selfrefine.core.errors import InputError
from selfrefine.cost import device_memory, ready_network
from selfrefine.cost.bounded import Tell
from selfrefine.cost.clock import Clock, Line, clock_of, name_of
from selfrefine.cost.flops import Kind, Network, count
from selfrefine.cost.loads import Run
from selfrefine.cost.ready_network import Ready
from selfrefine.training.trainer import Trainer

SPEED, LOSS = "speed", "loss"  # sections
TRAINING, SAMPLING, DECODING = "training", "sampling, a step", "decoding"
FEWEST = 3  # calls that are timed

Call = Callable[[], object]


@dataclass(frozen=True)
class Effort:
    """How long is measured.

    Args:
        seconds: that calls of one kind are timed.
        longest: seconds of a call beyond which its batch is halved.
    """

    seconds: float
    longest: float


class Action(NamedTuple):
    """What is timed: its name, the pass of which network it is, how often a call makes that pass, the call of so many
    images, their number in the params, and what it computes in.
    """

    name: str
    kind: Kind
    network: Network
    passes: int
    make: Callable[[int], Call]
    batch: int
    dtype: torch.dtype


def measure(
    params: Mapping[str, Any], names: Mapping[str, str], title: str, on: str, effort: Effort, tell: Tell
) -> None:
    """Lines of SPEED and LOSS of one network, in the precision that jobs on this device have.

    Args:
        params: the whole params.
        names: data set and model.
        title: of the network.
        on: a device by name, as of `devices.device`.
        effort: how long.
        tell: takes the lines.
    """
    with devices.device(on, "--device") as device:
        ready = ready_network.ready(Run(params, names), device, devices.precision("auto", device))
        for action in _actions(ready):
            found = timed(action.make, action.batch, device, effort)
            seconds = found.seconds / action.passes
            rate = found.batch / seconds
            told: Line = {"network": title, "action": action.name, "precision": name_of(action.dtype)}
            told |= {"batch": found.batch, "batch_of_params": action.batch, "seconds": seconds}
            told |= {"images_per_second": rate, "peak_bytes": found.peak_bytes}
            tell(SPEED, told | {"teraflops": rate * count(action.network, action.kind).flops / 1e12})
            if action.name == TRAINING:  # float32 takes more memory than what was timed
                tell(LOSS, {"network": title} | agreement(ready.trainer(max(1, found.batch // 2))))


def _actions(ready: Ready) -> Iterator[Action]:
    run, dtype = ready.run, ready.dtype
    trained, chunk = run.of("train_base")["batch_size"], run.of("generate_samples")["chunk_size"]
    yield Action(TRAINING, "train", run.network(), 1, lambda batch: ready.trainer(batch).update, trained, dtype)
    yield Action(SAMPLING, "evaluate", run.network(), ready_network.STEPS, ready.chain, chunk, dtype)
    if run.is_latent:
        yield Action(DECODING, "measure", run.autoencoder("decoder"), 1, ready.decoding, chunk, torch.float32)


class Timed(NamedTuple):
    """A batch, the median seconds of its calls, and the most memory, None where it is not counted."""

    batch: int
    seconds: float
    peak_bytes: int | None


def timed(make: Callable[[int], Call], batch: int, device: torch.device, effort: Effort) -> Timed:
    """Times calls of the largest batch, of this one, its half, its quarter, ..., that fits the memory and takes no
    longer than it may; with one image a call may take any time.

    Args:
        make: a call of so many images.
        batch: the first one tried.
        device: what the calls compute on.
        effort: how long.

    Raises:
        InputError: one image does not fit.
    """
    clock = clock_of(device)
    while True:
        device_memory.give_back(device)
        device_memory.forget_peak(device)
        if taken := _taken(make, batch, clock, effort):
            return Timed(batch, statistics.median(taken), device_memory.peak(device))
        if batch == 1:
            raise InputError("one image does not fit the memory")
        batch //= 2


def _taken(make: Callable[[int], Call], batch: int, clock: Clock, effort: Effort) -> list[float]:
    """Seconds of each call but a first one, which loads kernels; none where the batch is too large."""
    taken: list[float] = []
    try:
        call = make(batch)
        call()
        while len(taken) < FEWEST or sum(taken) < effort.seconds:
            start = clock()
            call()
            taken.append(clock() - start)
            if batch > 1 and taken[0] > effort.longest:
                return []
    except torch.OutOfMemoryError:
        return []
    return taken


def agreement(trainer: Trainer) -> Line:
    """The loss of one batch in float32 and in bfloat16, of the same weights, times and noise: the rate is 0.

    Returns:
        `float32` and `bfloat16`, each None where it is not finite, and their relative `difference`.
    """
    trainer.settings = dataclasses.replace(trainer.settings, learning_rate=0.0)
    losses: dict[str, float | None] = {}
    for dtype in (torch.float32, torch.bfloat16):
        trainer.dtype, trainer.step = dtype, 0
        losses[name_of(dtype)] = finite(float(trainer.update()))
    exact, short = losses.values()
    return losses | {"difference": None if exact is None or short is None else abs(short - exact) / abs(exact)}


def finite(value: float) -> float | None:
    """The number; None, since JSON has no word for it, of one that is not finite."""
    return value if math.isfinite(value) else None
