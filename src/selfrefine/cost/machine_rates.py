"""How fast this machine is: FLOPs per second of each network at each kind of pass, and the start-up of a job."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import nn

from selfrefine.core.errors import InputError
from selfrefine.cost import clock as cost_clock
from selfrefine.cost.flops import Kind, Network, count, passed
from selfrefine.cost.loads import Load

# Work of one call on a CPU, at most: a paper's batch would take minutes there. A larger network uses it as well as a
# larger batch of a small one does.
LARGEST = 1e11
FEWEST = 3  # calls of a measurement
LONGEST = 10.0  # seconds after which one call beside the first is enough
# So much more work without gradients: tensors of a whole chunk are so large that the kernel gives their memory at each
# use and zeroes it anew, which takes a third of the time; those of a few images are not.
EVALUATED = 10
# Prints the processor's seconds up to a job's work, and the most that is held then: bytes on macOS, KiB elsewhere. The
# job is one that trains, which starts longest. What all jobs of a run share is done by their parent (see run_stage).
START = """
import os, resource, sys, time
from selfrefine.commands import run_stage
command = 0.0
if run_stage.FORKS:
    command = time.process_time()
    run_stage.import_slow_packages()
    if child := os.fork():
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
import torch, selfrefine.stages.train_refined
torch.optim.AdamW([torch.ones(1, requires_grad=True)])  # torch loads more for its first one
print(command + time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
Key = tuple[Kind, Network]  # what has a rate of its own


class Rate(NamedTuple):
    """FLOPs per second, and the seconds that a process's first call takes longer than the others."""

    flops: float
    first: float


def rates(
    loads: Iterable[Load], device: torch.device, dtype: torch.dtype, seconds: float, message: Callable[[str], None]
) -> dict[Key, Rate]:
    """How fast each network of the loads is at each kind of pass, in the largest of its batches; networks run on
    `device` and in `dtype`, each for so many seconds after a first call, and a line of progress tells of each.
    """
    largest: dict[Key, int] = {}
    for load in loads:
        largest[load.kind, load.network] = max(load.batch, largest.get((load.kind, load.network), 0))
    found: dict[Key, Rate] = {}
    for (kind, network), batch in largest.items():
        where = torch.device("cpu") if network.on_processors else device
        if where.type == "cpu":
            most = LARGEST if kind == "train" else EVALUATED * LARGEST
            batch = max(1, min(batch, int(most / count(network, kind).flops)))
        call, clock, taken = _call(kind, network, batch, where, dtype), cost_clock.work_clock_of(where), list[float]()
        while len(taken) < 2 or (sum(taken) < LONGEST and (len(taken) <= FEWEST or sum(taken[1:]) < seconds)):
            start = clock()
            call()
            taken.append(clock() - start)
        fastest = min(taken[1:])  # what else runs on the machine only slows
        longer = max(0.0, taken[0] - fastest)  # a first call that other programs did not slow can be the fastest
        rate = found[kind, network] = Rate(batch * count(network, kind).flops / fastest, longer)
        message(f"{kind} {network.name.partition(' px')[0]} px, {batch} images: {rate.flops / 1e9:.0f} GFLOP/s")
    return found


def _call(kind: Kind, network: Network, batch: int, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    """An evaluation, or an update as Trainer and HighlighterTrainer make it, of random images."""
    module = network.build().to(device).to(memory_format=network.layout).train(kind == "train")
    inputs, parameters = network.batch(batch, device), list[torch.Tensor](module.parameters())

    once = partial(passed, module, inputs, kind, device, dtype)
    if kind != "train":
        return once
    ema = [parameter.detach().clone() for parameter in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=1e-6, fused=True)

    def update() -> None:
        once()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(ema, parameters, 0.01)

    return update


def start() -> tuple[float, int]:
    """Seconds that a job needs to start, and bytes that it holds before it works; an InputError if it does not start.
    Counted by processor, not by clock, since other programs delay it, but are no part of it.
    """
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"a job does not start (exit {done.returncode}): {' '.join(done.stderr.split()[-20:])}")
    seconds, held = done.stdout.split()[-2:]
    return float(seconds), int(held) * (1 if sys.platform == "darwin" else 1024)


def seconds_of(loads: Iterable[Load], measured: Mapping[Key, Rate]) -> float:
    """How long one job's loads take at the measured rates."""
    given = [(load, measured[load.kind, load.network]) for load in loads]
    firsts = {(load.kind, load.network): rate.first for load, rate in given}
    return sum(firsts.values()) + sum(load.flops / rate.flops for load, rate in given)
