"""The whole method at its smallest, by the library and without a download: a part of `selfrefine check-gpu`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from selfrefine import library
from selfrefine.core import arrays, devices
from selfrefine.cost import bench_subject, random_weights
from selfrefine.cost.bounded import Tell
from selfrefine.cost.clock import clock_of
from selfrefine.cost.map_agreement import rectangles

CHAIN = "chain"  # section
PHOTOGRAPHS, STEPS, SAMPLES, MAP_STEPS, INPUT_SIZE = 32, 4, 8, 4, 32
MadeT = TypeVar("MadeT")


def measure(params: Mapping[str, Any], on: str, tell: Tell) -> None:
    """A line of CHAIN for each link, with its seconds.

    Args:
        params: the whole params, of a small experiment, whose model ddpm is trained.
        on: a device by name, as of `devices.device`.
        tell: takes the lines.
    """
    with devices.device(on, "--device") as device, TemporaryDirectory() as folder:
        clock = clock_of(device)

        def timed(link: str, work: Callable[[], MadeT]) -> MadeT:
            began = clock()
            made = work()
            tell(CHAIN, {"link": link, "seconds": clock() - began})
            return made

        weights = Path(folder, "vgg16.safetensors")
        convolutions = random_weights.features(bench_subject.SEED).state_dict()
        arrays.write_tensors(weights, {f"features.{name}": value for name, value in convolutions.items()})
        untrained = bench_subject.of_params(params, device).pipeline()
        unused = random_weights.highlighter(INPUT_SIZE, bench_subject.SEED).to(device)
        photographs = rectangles(PHOTOGRAPHS, untrained.unet.config.sample_size)
        plain: dict[str, Any] = {"steps": STEPS, "forward_weight": 0, "reverse_weight": 0}
        learned: dict[str, Any] = {"steps": 2, "batch_size": 8, "weights": weights, "input_size": INPUT_SIZE}
        guided: dict[str, Any] = {"steps": STEPS, "cycle": STEPS // 2, "map_images": SAMPLES, "map_steps": MAP_STEPS}

        base = timed("base model", lambda: library.refine(untrained, photographs, unused, **plain))
        highlighter = timed(
            "fakes and highlighter",
            lambda: library.train_highlighter(base, photographs, map_steps=MAP_STEPS, **learned),
        )
        refined = timed("refinement", lambda: library.refine(base, photographs, highlighter, **guided))
        timed(
            "sampling and flaw maps",
            lambda: library.flaw_maps(refined, highlighter, n_images=SAMPLES, map_steps=MAP_STEPS),
        )
