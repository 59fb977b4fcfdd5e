"""How fast this machine is, measured in seconds: each network at each kind of work, and the start-up of each stage."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from selfrefine.core import devices
from selfrefine.core.errors import InputError
from selfrefine.cost.clock import Clock
from selfrefine.cost.flops import Network, count
from selfrefine.cost.loads import TRAINING, Kind, Load

# Work of one call on a CPU, at most: a paper's batch would take minutes there. A larger network uses it as well as a
# larger batch of a small one does.
LARGEST = 1e12
FEWEST = 3  # calls of a measurement
# Prints the processor's seconds up to the job's work, and the most that is held then: bytes on macOS, KiB elsewhere.
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


class Key(NamedTuple):
    """What has a rate of its own."""

    kind: Kind
    network: Network
    batch: int


class Rate(NamedTuple):
    """FLOPs per second, and the seconds that a process's first call takes longer than the others."""

    flops: float
    first: float


class Start(NamedTuple):
    """Seconds that a job needs to start, and the bytes that it holds before it works."""

    seconds: float
    held: int


@dataclass(frozen=True)
class Machine:
    """Where is measured.

    Args:
        device: what the networks run on.
        dtype: what they compute in.
        clock: waits for the device.
    """

    device: torch.device
    dtype: torch.dtype
    clock: Clock


def key(load: Load) -> Key:
    """The rate that a load needs."""
    return Key(load.kind, load.network, load.batch)


def rates(loads: Iterable[Load], machine: Machine, seconds: float, tell: Callable[[str], None]) -> dict[Key, Rate]:
    """How fast each kind of load is.

    Args:
        loads: of all jobs.
        machine: this one.
        seconds: how long each kind is measured, after a first call.
        tell: takes a progress line.
    """
    found: dict[Key, Rate] = {}
    for case in dict.fromkeys(map(key, loads)):
        found[case] = _rate(case, machine, seconds)
        name = getattr(case.network, "family", getattr(case.network, "name", ""))
        tell(
            f"{case.kind} {name} at {case.network.size} px, {case.batch} images: {found[case].flops / 1e9:.0f} GFLOP/s"
        )
    return found


def _rate(case: Key, machine: Machine, seconds: float) -> Rate:
    each = count(case.network).flops * (TRAINING if case.kind == "train" else 1)
    batch = case.batch if machine.device.type != "cpu" else max(1, min(case.batch, int(LARGEST / each)))
    network: nn.Module = case.network.build().to(machine.device)
    call = (_training if case.kind == "train" else _evaluation)(case, network, batch, machine)
    taken: list[float] = []
    while len(taken) <= FEWEST or sum(taken[1:]) < seconds:
        start = machine.clock()
        call()
        taken.append(machine.clock() - start)
    fastest = min(taken[1:])  # what else runs on the machine only slows
    return Rate(each * batch / fastest, taken[0] - fastest)


def _training(case: Key, network: nn.Module, batch: int, machine: Machine) -> Callable[[], None]:
    """An update as Trainer and HighlighterTrainer make it, of random images."""
    inputs = case.network.inputs(network, batch, machine.device)
    parameters: list[Tensor] = list(network.train().parameters())
    ema = [parameter.detach().clone() for parameter in parameters]
    optimiser = torch.optim.AdamW(parameters, lr=1e-6, fused=True)

    def update() -> None:
        with devices.training_attention(machine.device), devices.autocast(machine.device, machine.dtype):
            output = _tensor(network(*inputs))
        output.float().square().mean().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(ema, parameters, 0.01)

    return update


def _evaluation(case: Key, network: nn.Module, batch: int, machine: Machine) -> Callable[[], None]:
    """One evaluation without gradients."""
    inputs = case.network.inputs(network, batch, machine.device)
    dtype = torch.float32 if case.kind == "measure" else machine.dtype
    network.eval()

    def evaluate() -> None:
        with torch.no_grad(), devices.autocast(machine.device, dtype):
            network(*inputs)

    return evaluate


def _tensor(output: Any) -> Tensor:
    """What a network returns: diffusers' networks wrap it."""
    tensor: Tensor = getattr(output, "sample", output)
    return tensor


def starts(stages: Mapping[str, bool], tell: Callable[[str], None]) -> dict[str, Start]:
    """The start-up of a job of each stage: its command, and what it imports beyond what all jobs of a run share (see
    run_stage). Counted by processor, not by clock, since other programs delay it, but are no part of it.

    Args:
        stages: name -> whether it trains.
        tell: takes a progress line.

    Raises:
        InputError: a stage that cannot be imported.
    """
    with ThreadPoolExecutor(devices.processors()) as side_by_side:
        found = dict(zip(stages, side_by_side.map(_start, *zip(*stages.items(), strict=True)), strict=True))
    tell(f"start of a job: {min(found.values()).seconds:.1f} to {max(found.values()).seconds:.1f} s")
    return found


def _start(stage: str, trains: bool) -> Start:
    code = START.format(stage=stage, more=OPTIMISER if trains else "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"{stage} does not start (exit {done.returncode}): {' '.join(done.stderr.split()[-20:])}")
    seconds, held = done.stdout.split()[-2:]
    return Start(float(seconds), int(held) * (1 if sys.platform == "darwin" else 1024))


def seconds_of(loads: Iterable[Load], measured: Mapping[Key, Rate]) -> float:
    """How long one job's loads take at the measured rates."""
    given = list(loads)
    firsts = sum(measured[case].first for case in {key(load) for load in given})
    return firsts + sum(load.flops / measured[key(load)].flops for load in given)
