"""Independent streams of random numbers, keyed by (seed, purpose, index).

No stage keeps a generator alive between steps: what step k of a purpose draws depends on its key alone, so a resumed
run, another variant or another order of jobs draws the same numbers. All streams are drawn on the CPU, hence equal on
every device.
"""

import hashlib
from typing import Literal

import torch
from torch import Tensor

Purpose = Literal[
    "weights",  # initial weights of the diffusion network
    "autoencoder_weights",  # initial weights and codes of the autoencoder
    "autoencoder",  # batch of a training step of the autoencoder, noise of its latents
    "batch",  # which images are in the batch of a step, and which are flipped
    "mirrored",  # which real images are mirrored that are held against generated ones
    "timestep",  # t of a training step
    "noise",  # eps of a training step
    "dropout",  # dropout inside the network at a training step
    "caption_dropout",  # which captions of a training step are left empty
    "input_perturbation",  # xi of a training step (DDPM-IP)
    "projection",  # initial weights of the map's projection
    "control",  # what a control map is made of: permutation, phases, real images and their dither
    "map_evidence",  # which real images are mapped beside generated ones, dither of both
    "fidelity",  # x_T and dither of the images behind the maps of a study of cheap refreshes
    "map_noise",  # x_T, per-step noise and dither of the images behind a guidance map
    "map_captions",  # which training images' captions these are made of
    "highlighter",  # split, initial head, batches, dither and permuted labels of the highlighter
    "highlighter_draw",  # seed of another highlighter of the run
    "highlighter_fakes",  # x_T and per-step noise of the images that the highlighter learns from
    "classifier",  # initial weights and batches of the classifier of real images
    "other_prompts",  # which prompt of another an image is held against
    "evaluation",  # x_T and per-step noise of the images that are measured
    "eps_scale",  # x_T and per-step noise of the images by which the scale of the noise is chosen
    "planted_flaws",  # places and strengths of planted flaws, dither of the images that bear them
    "masks",  # which part of an image is to be inpainted
    "inpainting",  # x_T and per-step noise of an inpainted image
    "known_pixels",  # noise of its known pixels: a stream of its own, so that an image without any is a plain sample
    "readouts",  # t and eps of real test images whose noise is predicted, dither of samples that are classified
]


def stream_seed(seed: int, purpose: Purpose, index: int) -> int:
    """The 63-bit seed of one stream: the head of SHA-256 over its key, so that neighbouring keys share nothing."""
    key = f"{seed}/{purpose}/{index}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") >> 1


def stream(seed: int, purpose: Purpose, index: int) -> torch.Generator:
    """A fresh CPU generator for the stream (seed, purpose, index)."""
    return torch.Generator().manual_seed(stream_seed(seed, purpose, index))


def image_noise(streams: list[torch.Generator], shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise (len(streams), *shape), float32: row i is drawn from stream i alone.

    One stream per image makes an image independent of the chunk it is sampled in.
    """
    return torch.stack([torch.randn(shape, generator=generator) for generator in streams])
