"""Makes images with a pipeline folder, from a prompt where it was trained with captions, as one PNG.

Image i of a seed starts from the noise of image i of the stage generate_samples.
"""

import argparse
import math
from typing import Any

import numpy as np

from selfrefine.commands import pipeline_folder
from selfrefine.commands.arguments import number, whole_number
from selfrefine.core import pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, prompts, sampling
from selfrefine.pretrained.text_encoder import TextEncoder

HELP = """
Needs: the folder of a diffusers pipeline that predicts noise, of a run or of your own, and a prompt if the model
  was trained with captions.
Makes: one PNG; several images stand side by side.

Example, after `make all`:
  selfrefine sample --prompt "a photo of an ankle boot" --images 4 --out boot.png \\
    --pipeline models/train_refined/embedded/fashion_mnist_captions/stable_diffusion/reverse/seed6/pipeline
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; steps as in the embedded experiment, no guidance as in the paper (method 5.3)."""
    pipeline_folder.add_arguments(parser, steps=25)
    parser.add_argument("--prompt", help="what the images show, for a model that was trained with captions")
    parser.add_argument(
        "--images", type=whole_number(1, 1024), default=1, help="each from noise of its own; default: 1"
    )
    parser.add_argument(
        "--guidance",
        type=number(float, lambda scale: scale >= 0, "numbers from 0 on"),
        default=1.0,
        help="classifier-free guidance to the prompt; default: 1, which is none",
    )


def run(arguments: argparse.Namespace) -> None:
    """Samples and writes the picture."""
    with pipeline_folder.opened(arguments) as (pipeline, schedule, dtype):
        images = sampling.sample_chunk(
            prompted(pipeline, arguments),
            schedule,
            [random_streams.stream(arguments.seed, "evaluation", image) for image in range(arguments.images)],
            sampler="ddim",
            steps=arguments.steps,
            dtype=dtype,
            codec=autoencoder.of(pipeline),
        )
    pipeline_folder.write_png(arguments.out, sheet(pixels.to_uint8(images)))


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
