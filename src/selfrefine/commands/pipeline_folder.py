"""What `sample` and `inpaint` share: a pipeline folder on the command line, opened, and the PNG that it makes."""

import argparse
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from selfrefine import networks
from selfrefine.commands.arguments import add_device, whole_number
from selfrefine.core import devices, files
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule, pipelines
from selfrefine.diffusion.forward_process import PREDICTIONS
from selfrefine.diffusion.noise_schedule import Schedule


class Opened(NamedTuple):
    """A pipeline in evaluation mode, its schedule, and the type that its network computes in."""

    pipeline: networks.Pipeline
    schedule: Schedule
    dtype: torch.dtype


def add_arguments(parser: argparse.ArgumentParser, steps: int) -> None:
    """The options of a command that makes one PNG with a pipeline folder.

    Args:
        parser: of the command.
        steps: of the chain, unless others are given.
    """
    parser.add_argument("--pipeline", type=Path, required=True, help="its folder: a run makes some below models/")
    parser.add_argument("--out", type=png, required=True, help="the PNG to write")
    parser.add_argument("--steps", type=whole_number(2), default=steps, help=f"of the chain; default: {steps}")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="another number, another result; default: 0")
    add_device(parser)


def png(text: str) -> Path:
    """A type of argument: the name of a PNG file that can be written, since it is only made at the end."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text} given; allowed: a name that ends in .png")
    if not path.parent.is_dir() or path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} given; allowed: a file in a folder that is there and can be written")
    return path


@contextmanager
def opened(arguments: argparse.Namespace) -> Iterator[Opened]:
    """Loads the pipeline, of a run or of anybody, on the device and holds that.

    Raises:
        InputError: no pipeline folder, one that does not fit, no such device here, or more steps than it has.
    """
    if not arguments.pipeline.is_dir():
        raise InputError(f"{arguments.pipeline}: no such folder; --pipeline names the folder of a diffusers pipeline")
    with devices.device(arguments.device, "--device") as device:
        pipeline = networks.load_any(arguments.pipeline, device)
        pipelines.check(pipeline, str(arguments.pipeline), PREDICTIONS)
        schedule = noise_schedule.of(pipeline)
        timesteps = len(schedule.alphas_cumprod)
        if arguments.steps > timesteps:
            raise InputError(f"--steps is {arguments.steps}; 2 to {timesteps} needed by the pipeline")
        pipeline.unet.eval()
        yield Opened(pipeline, schedule, devices.precision(arguments.precision, device))


def write_png(path: Path, image: np.ndarray) -> None:
    """Writes an image, (H, W, 3) uint8."""
    encoded = io.BytesIO()
    Image.fromarray(image).save(encoded, format="PNG")
    files.write_bytes(path, encoded.getvalue())
