"""Makes images with a pipeline folder, from a prompt where it was trained with captions, as one PNG.

`python -m selfrefine.commands.sample --pipeline FOLDER --prompt "an ankle boot" --out picture.png [--images 16]`.
Image i of a seed starts from the noise of image i of generate_samples.
"""

import argparse
import io
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selfrefine import networks
from selfrefine.core import devices, files, pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, sampling
from selfrefine.pretrained.text_encoder import TextEncoder


def parser() -> argparse.ArgumentParser:
    """The command line; steps as in the embedded experiment, no guidance as in the paper (method 5.3)."""
    found = argparse.ArgumentParser(prog="python -m selfrefine.commands.sample", allow_abbrev=False)
    found.add_argument("--pipeline", type=Path, required=True, help="a pipeline folder below models/train_refined")
    found.add_argument("--prompt", help="of a folder that was trained with captions: what the images show")
    found.add_argument("--out", type=Path, required=True, help="the PNG to write; several images stand side by side")
    found.add_argument("--images", type=int, default=1, help="how many, each from noise of its own")
    found.add_argument("--steps", type=int, default=25, help="of DDIM")
    found.add_argument("--guidance", type=float, default=1.0, help="classifier-free guidance to the prompt; 1: none")
    found.add_argument("--seed", type=int, default=0, help="another number, other images")
    found.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    found.add_argument("--precision", default="auto", help="auto, float32 or bfloat16")
    return found


def write(arguments: argparse.Namespace) -> None:
    """Samples and writes the picture."""
    if arguments.out.suffix.lower() != ".png":
        raise InputError(f"--out is {arguments.out}; a name that ends in .png needed")
    if arguments.images < 1:
        raise InputError(f"--images is {arguments.images}; at least 1 needed")
    with devices.device(arguments.device) as device:
        pipeline = networks.load(arguments.pipeline, device)
        levels = noise_schedule.of(pipeline)
        if not 2 <= arguments.steps <= len(levels.alphas_cumprod):
            raise InputError(f"--steps is {arguments.steps}; 2 to {len(levels.alphas_cumprod)} needed by the pipeline")
        pipeline.unet.eval()
        streams = [random_streams.stream(arguments.seed, "evaluation", image) for image in range(arguments.images)]
        images = sampling.sample_chunk(
            prompted(pipeline, arguments),
            levels,
            streams,
            sampler="ddim",
            steps=arguments.steps,
            dtype=devices.precision(arguments.precision, device),
            first_stage=autoencoder.of(pipeline),
        )
    encoded = io.BytesIO()
    Image.fromarray(sheet(pixels.to_uint8(images))).save(encoded, format="PNG")
    files.write_bytes(arguments.out, encoded.getvalue())


def prompted(pipeline: Any, arguments: argparse.Namespace) -> Any:
    """The network, under the prompt where there is one.

    Raises:
        InputError: a prompt for a pipeline that takes none, or none for one that needs it.
    """
    folder, takes_prompts = arguments.pipeline, getattr(pipeline, "text_encoder", None) is not None
    if takes_prompts and arguments.prompt is None:
        raise InputError(f'{folder}: makes images from a prompt; add --prompt "what they show" ("" for anything)')
    if not takes_prompts:
        if arguments.prompt is not None:
            raise InputError(f"{folder}: was trained without captions; leave --prompt away")
        if arguments.guidance != 1.0:
            raise InputError(f"{folder}: was trained without captions; leave --guidance away, it needs a prompt")
        return pipeline.unet
    encoder = TextEncoder(pipeline.text_encoder, pipeline.tokenizer)
    embeddings, empty = (
        encoder.embed([words]).expand(arguments.images, -1, -1).to(pipeline.device) for words in (arguments.prompt, "")
    )
    return prompts.Prompted(pipeline.unet, embeddings, arguments.guidance, empty)


def sheet(images: np.ndarray) -> np.ndarray:
    """Images (N, H, W, 3) uint8 side by side in about as many rows as columns; empty places are white."""
    count, height, width, _ = images.shape
    columns = math.isqrt(count - 1) + 1
    rows = math.ceil(count / columns)
    places = np.full((rows * columns, height, width, 3), 255, np.uint8)
    places[:count] = images
    grid = places.reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    found: np.ndarray = grid.reshape(rows * height, columns * width, 3)
    return found


def main() -> None:
    """Samples with the words of the command line."""
    arguments = parser().parse_args()
    devices.set_threads()
    try:
        write(arguments)
    except InputError as error:
        sys.exit(f"sample: {error}")


if __name__ == "__main__":
    main()
