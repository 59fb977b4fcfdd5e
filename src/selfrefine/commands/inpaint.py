"""Inpaints an image of one's own with a pipeline folder: where the mask is black, the network fills in.

`python -m selfrefine.commands.inpaint --pipeline FOLDER --image IMAGE --mask MASK --out RESULT.png`. Image and mask
have the network's size; the mask is white where the image is known.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from selfrefine import networks
from selfrefine.core import devices, files, random_streams
from selfrefine.core.errors import InputError
from selfrefine.data import image_decoding
from selfrefine.diffusion import noise_schedule, repaint
from selfrefine.diffusion.inpainting_masks import KNOWN
from selfrefine.diffusion.repaint import Resampling


def parser() -> argparse.ArgumentParser:
    """The command line; RePaint's numbers are the paper's (method 5.4)."""
    found = argparse.ArgumentParser(prog="python -m selfrefine.commands.inpaint", allow_abbrev=False)
    found.add_argument("--pipeline", type=Path, required=True, help="a pipeline folder below models/train_refined")
    found.add_argument("--image", type=Path, required=True, help="of the network's size")
    found.add_argument("--mask", type=Path, required=True, help="of the same size: white is known, black is made")
    found.add_argument("--out", type=Path, required=True, help="the PNG to write")
    found.add_argument("--steps", type=int, default=250, help="of the chain")
    found.add_argument("--jump-length", type=int, default=10, help="steps that the chain goes back at once")
    found.add_argument("--jump-samples", type=int, default=10, help="how often each stretch is gone through")
    found.add_argument("--seed", type=int, default=0, help="another number, another result")
    found.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    found.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    return found


def read(path: Path, size: int, what: str) -> np.ndarray:
    """An image file of exactly the network's size: (size, size, 3) uint8.

    Raises:
        InputError: a file that is missing or no image, or one of another size.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; name the {what}")
    try:
        levels = image_decoding.pixels(image_decoding.decode(path), "white")
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


def write(arguments: argparse.Namespace) -> None:
    """Inpaints the image and writes the result, the known pixels as they were."""
    if arguments.out.suffix.lower() != ".png":
        raise InputError(f"--out is {arguments.out}; a name that ends in .png needed")
    resampling = Resampling(arguments.steps, arguments.jump_length, arguments.jump_samples, 1)
    with devices.device(arguments.device) as device:
        pipeline = networks.load(arguments.pipeline, device)
        levels, size = noise_schedule.of(pipeline), pipeline.unet.config.sample_size
        if not 2 <= arguments.steps <= len(levels.alphas_cumprod):
            raise InputError(f"--steps is {arguments.steps}; 2 to {len(levels.alphas_cumprod)} needed by the pipeline")
        image = read(arguments.image, size, "image")[None]
        mask = mask_of(read(arguments.mask, size, "mask"), arguments.mask)[None]
        streams = [[random_streams.stream(arguments.seed, purpose, 0)] for purpose in repaint.PURPOSES]
        print(f"{resampling.evaluations():,} network evaluations", flush=True)
        pipeline.unet.eval()
        with torch.no_grad():
            dtype = devices.precision(arguments.precision, device)
            made = repaint.repaint_chunk(pipeline.unet, levels, image, mask, resampling, streams, dtype)
    encoded = io.BytesIO()
    Image.fromarray(repaint.paste(image, made, mask)[0]).save(encoded, format="PNG")
    files.write_bytes(arguments.out, encoded.getvalue())


def main() -> None:
    """Inpaints with the words of the command line."""
    arguments = parser().parse_args()
    devices.set_threads()
    try:
        write(arguments)
    except InputError as error:
        sys.exit(f"inpaint: {error}")


if __name__ == "__main__":
    main()
