"""The pieces of paper scale that take memory, disk or time, each alone in a process of its own, which tells its peak.

python -m tests.support.full_size                     all, at the paper's size: an hour or two, 20 GB of disk
python -m tests.support.full_size figures 30000       one, of so many images
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from selfrefine.core import arrays, chunks, files

ROOT, MODULE = Path(__file__).parents[2], "tests.support.full_size"
WIDTH = 2048  # features of Inception
CHUNK = 64  # images of 256 px that the paper's latent models decode together


class Taken(NamedTuple):
    """What a piece took: seconds, the peak of its memory beyond what its process held before, bytes on the disk."""

    seconds: float
    bytes: int
    disk: int


def figures(images: int, folder: Path) -> None:
    """All figures of a sample: FID with its interval, KID, precision, recall, density, coverage, copies."""
    from selfrefine.metrics import generation

    draws = np.random.default_rng(0)

    def drawn(count: int) -> generation.ImageSet:
        return generation.ImageSet(draws.standard_normal((count, WIDTH), np.float32).astype(np.float64), 3)

    real = generation.RealImages(train=drawn(images * 9 // 10), test=drawn(images // 10))
    found = generation.measure(drawn(images), real)
    assert all(np.isfinite(estimate.value) for estimate in found.values())


def joined(images: int, folder: Path) -> None:
    """Chunks of 256 px as a sampler leaves them, joined as `images.npy`."""
    draws = np.random.default_rng(0)

    def chunk(numbers: np.ndarray) -> np.ndarray:
        return draws.integers(0, 256, (len(numbers), 256, 256, 3), np.uint8)

    parts = chunks.in_chunks(chunk, images, folder / "parts", label="images", chunk_size=CHUNK)
    arrays.join(folder / "images.npy", parts, images)


def digest(images: int, folder: Path) -> None:
    """SHA-256 of an `images.npy` of 256 px."""
    _file(images, folder)
    files.sha256(folder / "images.npy")


def dvc(images: int, folder: Path) -> None:
    """`dvc add` of an `images.npy` of 256 px."""
    _file(images, folder)
    for command in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "add", "-q", "images.npy"]):
        program = Path(sys.executable).parent / command[0]
        subprocess.run([program if program.exists() else command[0], *command[1:]], cwd=folder, check=True)


def _file(images: int, folder: Path) -> None:
    block = np.random.default_rng(0).integers(0, 256, (min(images, 1000), 256, 256, 3), np.uint8)
    arrays.write_array(folder / "block.npy", block)
    parts = [folder / "block.npy"] * -(-images // len(block))
    arrays.join(folder / "images.npy", parts, images)


def repaint(images: int, folder: Path) -> None:
    """RePaint's way through 250 steps, 4,571 entries, at 128 px, with a network that costs nothing."""
    import torch

    from selfrefine.diffusion import repaint as diffusion_repaint
    from selfrefine.diffusion.noise_schedule import Schedule
    from selfrefine.diffusion.repaint import Resampling

    schedule = Schedule(torch.from_numpy(np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))).float())
    given, streams = torch.zeros(images, 3, 128, 128), [torch.Generator().manual_seed(row) for row in range(images)]
    made = diffusion_repaint.repaint(
        lambda noisy, _: SimpleNamespace(sample=torch.zeros_like(noisy)),
        schedule,
        given,
        given[:, :1] + 1.0,
        Resampling(250, 10, 10, 1),
        streams,
        streams,
    )
    assert made.isfinite().all()


def decode(images: int, folder: Path) -> None:
    """Latents of the paper's LDM decoded to 256 px, as many together as its chunks hold."""
    import torch

    from selfrefine.diffusion import autoencoder
    from selfrefine.params import packaged

    values = packaged.of_experiment("paper")["models"]["ldm"]["train_autoencoder"]
    torch.set_num_threads(1)
    network = values["network"] | {"channels": 3}
    codec = autoencoder.LatentCodec(autoencoder.build(values["kind"], network, 256, 0).eval())
    codec.decode(torch.randn(images, 3, 64, 64))


PIECES: dict[str, tuple[Callable[[int, Path], None], int]] = {
    "figures": (figures, 30000),
    "joined": (joined, 30000),
    "digest": (digest, 30000),
    "dvc": (dvc, 30000),
    "repaint": (repaint, 8),
    "decode": (decode, CHUNK),
}


def peak() -> int:
    """The most that this process and its finished children have held, bytes.

    Linux hands `ru_maxrss` on to a program that a larger one starts; what it says in /proc is of this one alone.
    """
    status, scale = Path("/proc/self/status"), 1 if sys.platform == "darwin" else 1024
    if status.is_file():
        own = int(status.read_text().split("VmHWM:")[1].split()[0])
    else:
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * scale


def alone(module: str, *words: str) -> list[float]:
    """The numbers of the last line that a module prints, in a process of its own with one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *words]
    told = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    return [float(number) for number in told.splitlines()[-1].split()]


def measure(piece: str, images: int, room: Path) -> Taken:
    """Runs a piece in a process of its own."""
    seconds, held, disk = alone(MODULE, piece, str(images), str(room))
    return Taken(seconds, int(held), int(disk))


def _alone(piece: str, images: int, room: Path) -> None:
    work, _ = PIECES[piece]
    with tempfile.TemporaryDirectory(dir=room) as folder:
        work = partial(work, images, Path(folder))
        before, start = peak(), time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        disk = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        print(f"\n{seconds:.1f} {peak() - before} {disk}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [name, count, place]:
            _alone(name, int(count), Path(place))
        case asked:
            for name, (_, count) in PIECES.items():
                if not asked or asked[0] == name:
                    size = int(asked[1]) if len(asked) > 1 else count
                    taken = measure(name, size, Path.cwd())
                    print(f"{name} {size}: {taken.seconds:.0f} s, {taken.bytes / 2**30:.2f} GiB", flush=True)
