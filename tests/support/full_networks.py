"""The diffusion networks of the paper's size, each with random weights and in a process of its own: two updates (the
second beside AdamW's moments), two steps of a sampler, a refresh of the map in two steps; and in brackets what
`selfrefine plan` says. In the precision that this machine multiplies. On Linux.

python -m tests.support.full_networks                    all that fits into 10 GiB
python -m tests.support.full_networks 24                 into 24
python -m tests.support.full_networks 10 "U-ViT, 64 px"  one network
"""

import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from selfrefine.core import devices
from selfrefine.core.names import FLAW
from selfrefine.cost import machine_rates, random_weights, ready_network
from selfrefine.cost.bench_subject import SEED
from selfrefine.cost.loads import Load, Run, memory
from selfrefine.cost.ready_network import STEPS, Ready
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.params import packaged

LIMIT = 10.0  # GiB of one process
START = 0.7  # GiB that a process has before it works
CPU = torch.device("cpu")
DTYPE = devices.precision("auto", CPU)
UPDATES = 2  # of a call
IMAGES = 2  # that are sampled: of the paper's 8 behind a map and 64 or 256 in a chunk each takes as much


class Piece(NamedTuple):
    """What is measured: the images of a call, made by a network that is ready, and the loads that the plan says."""

    images: int
    call: Callable[[Ready, int], Callable[[], object]]
    loads: Callable[[Run, int], list[Load]]


def _updates(ready: Ready, images: int) -> Callable[[], object]:
    trainer = ready.trainer(images)
    return lambda: [trainer.update() for _ in range(UPDATES)]


def _chain(run: Run, images: int) -> list[Load]:
    return [Load("evaluate", run.network(), images, images * STEPS)]


def _refresh(run: Run, images: int) -> list[Load]:
    decoded = [Load("measure", run.autoencoder("decoder"), images, images)] if run.is_latent else []
    return [*_chain(run, images), *decoded, Load("evaluate", run.highlighter(), images, images)]


def _guide(ready: Ready, images: int) -> Callable[[], object]:
    run = ready.run
    size = run.of("train_highlighter", highlighter=FLAW)["input_size"]
    reals = torch.zeros(ready_network.N_IMAGES, run.size, run.size, 3, dtype=torch.uint8).numpy()
    how: dict[str, Any] = {"codec": ready.codec, "captions": ready.captions, "dtype": DTYPE, "seed": SEED}
    highlighter = random_weights.highlighter(size, SEED)
    guide = Guide(MapRecipe(images, STEPS), ready.schedule, highlighter, reals, horizontal_flip=False, **how)
    return lambda: guide(ready.network.eval(), 0)


def pieces(run: Run) -> dict[str, Piece]:
    """By name; updates are of the paper's batch."""
    batch = run.of("train_base")["batch_size"]
    trained = Piece(batch, _updates, lambda run, size: [Load("train", run.network(), size, UPDATES * size)])
    return {
        "updates": trained,
        "sampling": Piece(IMAGES, lambda ready, size: ready.chain(size), _chain),
        "refresh": Piece(IMAGES, _guide, _refresh),
    }


def fitting(piece: Piece, run: Run, limit: float) -> int:
    """The images of a call, or half as many and again until it fits; 0 if one does not."""
    images = piece.images
    while images and START + planned(piece.loads(run, images)) > limit:
        images //= 2
    return images


def planned(loads: list[Load]) -> float:
    """GiB that networks take."""
    return memory(loads, CPU, DTYPE) / 2**30


def taken(run: Run, name: str, images: int) -> tuple[float, float]:
    """A processor's seconds of a call, and GiB beyond what this process had before."""
    before = held("VmRSS")
    call = pieces(run)[name].call(ready_network.ready(run, CPU, DTYPE), images)
    start = time.process_time()
    call()
    return time.process_time() - start, (held("VmHWM") - before) / 2**30


def held(name: str) -> int:
    """Bytes of this process alone: now (VmRSS), or at most so far (VmHWM)."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


def seconds(loads: list[Load]) -> float:
    """What the plan says, at rates that are measured here and now."""
    machine_rates.FEWEST = 1  # beside the first call
    return machine_rates.seconds_of(loads, machine_rates.rates(loads, CPU, DTYPE, 0.0, lambda _line: None))


def alone(work: Callable[..., Any], *given: Any) -> Any:
    """What it returns, in a fork of this process, which has imported and computed nothing."""
    forks = multiprocessing.get_context("fork")
    ours, theirs = forks.Pipe(duplex=False)
    process = forks.Process(target=lambda: theirs.send(work(*given)))
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def main(words: list[str]) -> None:
    """All pieces of all networks, or of the named ones."""
    torch.set_num_threads(1)
    limit, titles = float(words[0]) if words else LIMIT, words[1:]
    for title, run in ready_network.of_experiment(packaged.of_experiment("paper")).items():
        for name, piece in pieces(run).items() if title in (titles or [title]) else ():
            if images := fitting(piece, run, limit):
                loads = piece.loads(run, images)
                (spent, gib), thought = alone(taken, run, name, images), alone(seconds, loads)
                found = f"{spent:.0f} s [{thought:.0f} s], {gib:.2f} GiB [{planned(loads):.2f} GiB]"
                print(f"{title}, {name}: {images} of {piece.images} images, {found}", flush=True)
            else:
                print(f"{title}, {name}: one image needs {planned(piece.loads(run, 1)):.1f} GiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
