"""Measures a GPU in five minutes: speed, memory, precision, kill and resume, the whole method at its smallest."""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from selfrefine.commands import library_chain
from selfrefine.commands.arguments import whole_number
from selfrefine.core import files
from selfrefine.core.errors import InputError, one_line
from selfrefine.core.names import FLAW
from selfrefine.cost import (
    bounded,
    gpu_facts,
    gpu_page,
    kill_and_resume,
    map_agreement,
    network_speed,
    ready_network,
)
from selfrefine.cost.bounded import TIME_WAS_UP, Outcome, Work
from selfrefine.cost.clock import Line
from selfrefine.params import packaged

HELP = """
Needs: a GPU that torch's CUDA can use, and 5 minutes in which nothing else runs; neither the project's folder, nor the
  internet, nor files of weights: the paper's networks are built with random weights.
Makes: gpu.json and, to be laid beside that of another machine, the page gpu.md, in the folder of --out.
Ends with 0 if all was measured; with 1 if a part failed or its time was up, which the page lists; with 3, and writes
  nothing, where there is no GPU.

Example:
  selfrefine check-gpu --out results/gpu
"""
INCOMPLETE, NO_GPU = 1, 3  # exit codes
SECONDS = 300
FEWEST_SECONDS = 2.0  # with fewer left a part is not begun
FORMAT = 1  # of gpu.json
SECTIONS = ("machine", "resume", "chain", "maps", "speed", "loss")


class Part(NamedTuple):
    """A part: its name, what is done, and seconds that it may take."""

    name: str
    work: Work
    limit: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--out", type=Path, default=Path("results", "gpu"), help="the folder; default: results/gpu")
    parser.add_argument(
        "--seconds", type=whole_number(1, 3600), default=SECONDS, help=f"it may take so many; default: {SECONDS}"
    )
    parser.add_argument(
        "--device", default="cuda", choices=("cuda", "cpu"), help="cpu: only to try the command; default: cuda"
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny networks in the place of the paper's: only to try the command"
    )


def parts(on: str, quick: bool) -> Iterator[Part]:
    """All parts, in the order in which they are measured: what tells most in least time first."""
    small = packaged.of_experiment("smoke")
    params = small if quick else packaged.of_experiment("paper")
    runs = ready_network.of_experiment(params)
    sizes = {run.size: run.of("train_highlighter", highlighter=FLAW)["input_size"] for run in runs.values()}
    effort = network_speed.Effort(seconds=0.05 if quick else 3.0, longest=5.0)
    yield Part("machine", partial(gpu_facts.measure, on), 90.0)  # the first to import
    yield Part("kill and resume", partial(kill_and_resume.measure, small, on, 30.0), 90.0)
    yield Part("smoke chain", partial(library_chain.measure, small, on), 60.0)
    yield Part("flaw maps", partial(map_agreement.measure, sizes, on), 45.0)
    for title, run in runs.items():
        work = partial(network_speed.measure, params, run.names, title, on, effort)
        yield Part(title, work, 60.0)


def check(asked: Mapping[str, Any], every: Iterator[Part], end: float) -> dict[str, Any]:
    """Measures the parts one after the other and tells of each in a line.

    Args:
        asked: what the command was given.
        every: the parts.
        end: the moment, of `time.monotonic`, at which all must have ended.

    Returns:
        what gpu.json holds: the lines of each section, and of each part seconds, fault ("" for none) and traceback.
    """
    found: dict[str, Any] = {"format": FORMAT, "asked": dict(asked), "parts": []} | {name: [] for name in SECTIONS}
    for part in every:
        left = end - time.monotonic()
        if left < FEWEST_SECONDS:
            ended = Outcome(f"not measured: {TIME_WAS_UP}", "", 0.0, 0)
        else:
            _tell(f"{part.name}, {left:.0f} s left")
            ended = bounded.run(part.work, min(part.limit, left), lambda section, line: found[section].append(line))
        told: Line = {"part": part.name, "seconds": ended.seconds, "fault": ended.fault, "traceback": ended.trace}
        found["parts"].append(told)
        if ended.fault:
            _tell(f"{part.name}: {ended.fault}")
    return found


def no_gpu() -> str:
    """Why no GPU is found, in one line; "" where there is one."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return ""
    kinds = {"CUDA": torch.version.cuda, "ROCm": torch.version.hip}
    built = next((f"{kind} {version}" for kind, version in kinds.items() if version), "CPUs alone")
    facts = [f"torch {torch.__version__}", f"built for {built}", *(one_line(warning.message) for warning in told)]
    return f"this machine has no CUDA GPU that torch can use ({', '.join(facts)})"


def _tell(line: str) -> None:
    print(f"check-gpu: {line}", flush=True)


def run(arguments: argparse.Namespace) -> None:
    """Measures and writes; exits with 1 where something is missing and with 3 where there is no GPU."""
    end = time.monotonic() + arguments.seconds
    if arguments.device == "cuda" and (reason := no_gpu()):
        print(f"selfrefine check-gpu: {reason}", file=sys.stderr)
        sys.exit(NO_GPU)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if not os.access(arguments.out, os.W_OK):
        raise InputError(f"--out: {arguments.out} cannot be written; name another folder")
    asked = {"device": arguments.device, "experiment": "smoke" if arguments.quick else "paper"}
    found = check(asked | {"seconds": arguments.seconds}, parts(arguments.device, arguments.quick), end)
    files.write_json(arguments.out / "gpu.json", found)
    files.write_text(arguments.out / "gpu.md", gpu_page.page(found))
    _tell(f"written: {arguments.out / 'gpu.md'} and gpu.json")
    if any(part["fault"] for part in found["parts"]):
        sys.exit(INCOMPLETE)
