"""Inpaints an image of one's own with a pipeline folder: where the mask is black, the network fills in."""

import argparse
from pathlib import Path

import numpy as np
import torch

from selfrefine.commands import pipeline_folder
from selfrefine.commands.arguments import whole_number
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.data import image_decoding
from selfrefine.diffusion import autoencoder, repaint
from selfrefine.diffusion.inpainting_masks import KNOWN
from selfrefine.diffusion.repaint import Resampling

HELP = """
Needs: the folder of a diffusers pipeline that predicts noise, of a run or of your own, whose model works on
  pixels, not on latents or from prompts; and two image files of the size that it makes: your image, and a
  mask that is white where the image is known and black where it is to be made.
Makes: one PNG; what is known stays as it is.

Example, after `make all`, with a photo.png and a mask.png of your own of 16 x 16 px:
  selfrefine inpaint --image photo.png --mask mask.png --out filled.png --steps 50 \\
    --pipeline models/train_refined/embedded/fashion_mnist/ddpm/both/seed6/pipeline
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; RePaint's numbers are the paper's (method 5.4)."""
    pipeline_folder.add_arguments(parser, steps=250)
    parser.add_argument("--image", type=Path, required=True, help="the image to fill")
    parser.add_argument("--mask", type=Path, required=True, help="white: known, black: to be made")
    parser.add_argument(
        "--jump-length",
        type=whole_number(1, 1000),
        default=10,
        help="steps that the chain goes back at once; default: 10",
    )
    parser.add_argument(
        "--jump-samples",
        type=whole_number(1, 1000),
        default=10,
        help="how often it goes through each stretch; default: 10",
    )


def read(path: Path, size: int, what: str) -> np.ndarray:
    """An image file of exactly the network's size: (size, size, 3) uint8.

    Raises:
        InputError: a file that is missing or no image, or one of another size.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; name the {what}")
    try:
        levels = image_decoding.whole(path, "white")
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if levels.shape[:2] != (size, size):
        height, width = levels.shape[:2]
        raise InputError(f"{path}: {width} x {height} px; the {what} must have the network's {size} x {size}")
    return levels.round().clip(0, 255).astype(np.uint8)


def mask_of(levels: np.ndarray, path: Path) -> np.ndarray:
    """White and black, (H, W) uint8: 255 known, 0 to be made.

    Raises:
        InputError: other levels, or nothing to make.
    """
    mask: np.ndarray = levels[..., 0]
    if not np.isin(levels, (0, KNOWN)).all() or (levels != mask[..., None]).any():
        raise InputError(f"{path}: a mask has only white (known) and black (to be made) pixels")
    if (mask == KNOWN).all():
        raise InputError(f"{path}: all white; paint black what is to be made")
    return mask


def run(arguments: argparse.Namespace) -> None:
    """Inpaints the image and writes the result, the known pixels as they were."""
    resampling = Resampling(arguments.steps, arguments.jump_length, arguments.jump_samples, 1)
    with pipeline_folder.opened(arguments) as (pipeline, schedule, dtype):
        if autoencoder.of(pipeline) is not None:
            raise InputError(f"{arguments.pipeline}: its model works on latents; one that works on pixels needed")
        size = pipeline.unet.config.sample_size
        image = read(arguments.image, size, "image")[None]
        mask = mask_of(read(arguments.mask, size, "mask"), arguments.mask)[None]
        streams = [[random_streams.stream(arguments.seed, purpose, 0)] for purpose in repaint.PURPOSES]
        print(f"{resampling.evaluations():,} network evaluations", flush=True)
        with torch.no_grad():
            made = repaint.repaint_chunk(pipeline.unet, schedule, image, mask, resampling, streams, dtype)
    pipeline_folder.write_png(arguments.out, repaint.paste(image, made, mask)[0])
