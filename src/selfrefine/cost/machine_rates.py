"""How fast this machine is: FLOPs per second of each network at each kind of pass, and the start-up of a job."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from selfrefine.core import devices
from selfrefine.core.errors import InputError
from selfrefine.cost import clock as cost_clock
from selfrefine.cost.flops import Kind, Network, count, output
from selfrefine.cost.loads import Load

# Work of one call on a CPU, at most: a paper's batch would take minutes there. A larger network uses it as well as a
# larger batch of a small one does.
LARGEST = 1e12
FEWEST = 3  # calls of a measurement
# Prints the processor's seconds up to the job's work, and the most that is held then: bytes on macOS, KiB elsewhere.
# What all jobs of a run share (see run_stage) is taken off.
START = """
import resource, time
from selfrefine.commands import run_stage
command = time.process_time()
if run_stage.FORKS:
    run_stage.import_slow_packages()
imported = time.process_time() - command if run_stage.FORKS else 0.0
import selfrefine.stages.{stage}
{more}
print(time.process_time() - imported, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
OPTIMISER = "import torch; torch.optim.AdamW([torch.ones(1, requires_grad=True)])"  # torch loads more for its first one
STARTS = {True: ("train_refined", OPTIMISER), False: ("generate_samples", "")}  # trains or not -> what stands for it

Key = tuple[Kind, Network]  # what has a rate of its own


class Rate(NamedTuple):
    """FLOPs per second, and the seconds that a process's first call takes longer than the others."""

    flops: float
    first: float


class Start(NamedTuple):
    """Seconds that a job needs to start, and the bytes that it holds before it works."""

    seconds: float
    held: int


def rates(
    loads: Iterable[Load], device: torch.device, dtype: torch.dtype, seconds: float, message: Callable[[str], None]
) -> dict[Key, Rate]:
    """How fast each network is at each kind of pass, in the largest of its batches.

    Args:
        loads: of all jobs.
        device: what the networks run on.
        dtype: what they compute in.
        seconds: how long each is measured, after a first call.
        message: takes a progress line.
    """
    largest: dict[Key, int] = {}
    for load in loads:
        largest[load.kind, load.network] = max(load.batch, largest.get((load.kind, load.network), 0))
    found: dict[Key, Rate] = {}
    for (kind, network), batch in largest.items():
        if device.type == "cpu":
            batch = max(1, min(batch, int(LARGEST / count(network, kind).flops)))
        found[kind, network] = _rate(kind, network, batch, device, dtype, seconds)
        name = network.name.partition(" {")[0].partition(" [")[0]
        message(f"{kind} {name}, {batch} images: {found[kind, network].flops / 1e9:.0f} GFLOP/s")
    return found


def _rate(
    kind: Kind, network: Network, batch: int, device: torch.device, dtype: torch.dtype, seconds: float
) -> Rate:
    clock = cost_clock.clock_of(device)
    module = network.build().to(device, memory_format=network.layout)
    inputs = network.batch(batch, device)
    if kind == "train":
        call = _update(module, inputs, device, dtype)
    else:
        call = _evaluation(module, inputs, device, torch.float32 if kind == "measure" else dtype)
    taken: list[float] = []
    while len(taken) <= FEWEST or sum(taken[1:]) < seconds:
        start = clock()
        call()
        taken.append(clock() - start)
    fastest = min(taken[1:])  # what else runs on the machine only slows
    return Rate(count(network, kind, batch).flops / fastest, taken[0] - fastest)


def _update(
    network: nn.Module, inputs: list[torch.Tensor], device: torch.device, dtype: torch.dtype
) -> Callable[[], None]:
    """An update as Trainer and HighlighterTrainer make it, of random images."""
    parameters = list(network.train().parameters())
    ema = [parameter.detach().clone() for parameter in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=1e-6, fused=True)

    def update() -> None:
        with devices.training_attention(device), devices.autocast(device, dtype):
            made = output(network, inputs)
        made.float().square().mean().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(ema, parameters, 0.01)

    return update


def _evaluation(
    network: nn.Module, inputs: list[torch.Tensor], device: torch.device, dtype: torch.dtype
) -> Callable[[], None]:
    """An evaluation without gradients."""
    network.eval()

    def evaluate() -> None:
        with torch.no_grad(), devices.autocast(device, dtype):
            network(*inputs)

    return evaluate


def starts(message: Callable[[str], None]) -> dict[bool, Start]:
    """The start-up of a job that trains and of one that does not: its command, and what it imports beyond what all jobs
    of a run share. Counted by processor, not by clock, since other programs delay it, but are no part of it.

    Raises:
        InputError: a stage that cannot be imported.
    """
    found = {trains: start(*stage) for trains, stage in STARTS.items()}
    message(f"start of a job: {found[False].seconds:.1f} s, of one that trains {found[True].seconds:.1f} s")
    return found


def start(stage: str, more: str) -> Start:
    """The start-up of one stage, which then runs `more`."""
    code = START.format(stage=stage, more=more)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{stage} does not start (exit {done.returncode}): {' '.join(done.stderr.split()[-20:])}")
    seconds, held = done.stdout.split()[-2:]
    return Start(float(seconds), int(held) * (1 if sys.platform == "darwin" else 1024))


def seconds_of(loads: Iterable[Load], measured: Mapping[Key, Rate]) -> float:
    """How long one job's loads take at the measured rates."""
    given = list(loads)
    firsts = sum(measured[key].first for key in {(load.kind, load.network) for load in given})
    return firsts + sum(load.flops / measured[load.kind, load.network].flops for load in given)
