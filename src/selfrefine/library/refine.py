"""Refines one's own diffusers pipeline on one's own images, without the workflow: README, "Your own model".

Computes on the pipeline's device and changes nothing that it is given, nor who gets a signal. What it keeps in a folder
of its own is checked as a job's is; a call that is stopped begins again. Defaults are the paper's where it states them.
"""

import copy
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from selfrefine.core import devices, random_streams
from selfrefine.core.mirrored import as_trained
from selfrefine.diffusion import noise_schedule, sampling
from selfrefine.diffusion.pipelines import require
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.map_refresh import CHUNK, Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.gradcam import explain
from selfrefine.highlighter.model import CONV_STRIDE, Highlighter
from selfrefine.highlighter.training import HighlighterTrainer, Settings, initial_highlighter
from selfrefine.library import checks, given
from selfrefine.networks import Pipeline
from selfrefine.training import settings as training_settings
from selfrefine.training.loop import run_phase
from selfrefine.training.trainer import Trainer

# Not in paper: fewer DDIM steps than the authors' 250, because the highlighter learns from chains of the same length.
MAP_STEPS = 50
WARMUP_STEPS = 100  # Not in paper: the rate rises, because AdamW begins without moments of an own pipeline
LOG_EVERY = 10  # steps between looks at the loss
LEAST_RATE = 1e-12  # a learning rate that still changes a float32 weight of 1e-5
FEWEST_IMAGES = 10  # the highlighter validates on a tenth of them and leaves another out


@checks.entry("lower learning_rate")
def train_highlighter(
    pipeline: Pipeline,
    images: np.ndarray,
    *,
    steps: int,
    input_size: int | None = None,
    weights: Path | str | None = None,
    n_fakes: int = 1024,
    batch_size: int = 32,
    learning_rate: float = 0.00005,  # Not in paper: its 0.00001 over 20 epochs is slow for a few hundred steps
    map_steps: int = MAP_STEPS,
    horizontal_flip: bool = False,
    seed: int = 0,
) -> Highlighter:
    """Trains VGG16 to tell these images from the pipeline's: where it looks on the latter are flaws. Method 4.

    Args:
        pipeline, images: a `UNet2DModel` that predicts noise for images of side H; (N, H, H, 3) uint8.
        steps: updates.
        input_size: px that images are resized to, a multiple of 32; None for H rounded up, as in the paper; larger, if
            the images are small: a map has (input_size / 16)^2 cells.
        weights: safetensors of VGG16 with torchvision's names; None fetches them once into torch's cache.
        n_fakes: images of the pipeline, at most N.
        batch_size, learning_rate: images of each class per update; of AdamW, peak of one cycle.
        map_steps, seed: DDIM steps of the pipeline's images, the same in all functions; of everything random.
        horizontal_flip: whether half of the images are mirrored in training, of the pipeline before and in `refine`.
    """
    checks.check_pipeline(pipeline, map_steps)
    checks.check_images(pipeline, images, FEWEST_IMAGES)
    checks.check_whole(1, steps=steps, batch_size=batch_size)
    checks.check_whole(FEWEST_IMAGES, n_fakes=n_fakes)
    checks.check_whole(0, seed=seed)
    checks.check_numbers(LEAST_RATE, 1.0, learning_rate=learning_rate)
    checks.check_flag(horizontal_flip=horizontal_flip)
    size = -(-images.shape[1] // CONV_STRIDE) * CONV_STRIDE if input_size is None else input_size
    checks.check_whole(CONV_STRIDE, input_size=size)
    require(size % CONV_STRIDE == 0, f"input_size is {size}; a multiple of {CONV_STRIDE} needed")
    start = given.imagenet_weights(weights)
    fakes = _sample(pipeline, min(n_fakes, len(images)), map_steps, "highlighter_fakes", seed)
    model = initial_highlighter(size, True, start, seed).to(pipeline.unet.device)
    # Not in paper: five looks at the validation part, because the best state is rarely the last one.
    settings = Settings(steps, batch_size, learning_rate, 0.01, validate_every=max(1, steps // 5))
    data = RealsAndFakes(as_trained(images, horizontal_flip), fakes, seed)
    trainer = HighlighterTrainer(model, data, settings, _precision(pipeline))
    with TemporaryDirectory() as scratch:
        trainer.run(Path(scratch), "train_highlighter")
    return model.eval()


@checks.entry()
def flaw_maps(
    pipeline: Pipeline, highlighter: Highlighter, *, n_images: int, map_steps: int = MAP_STEPS, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The first images of the pipeline, (n, H, H, 3) uint8, and their maps, (n, S, S) float32 in [0, 1]. Method 3."""
    checks.check_pipeline(pipeline, map_steps)
    checks.check_highlighter(highlighter, pipeline)
    checks.check_whole(1, n_images=n_images)
    checks.check_whole(0, seed=seed)
    images = _sample(pipeline, n_images, map_steps, "evaluation", seed)
    streams = [random_streams.stream(seed, "readouts", row) for row in range(n_images)]
    return images, explain(highlighter, images, streams, _precision(pipeline))


@checks.entry("lower learning_rate")
def refine(
    pipeline: Pipeline,
    images: np.ndarray,
    highlighter: Highlighter,
    *,
    steps: int,
    forward_weight: float = 0.01,
    reverse_weight: float = 0.025,
    cycle: int = 100,
    map_images: int = 64,  # Not in paper: the authors' 8 make a noisier mean
    map_steps: int = MAP_STEPS,
    batch_size: int = 8,
    learning_rate: float = 0.0001,
    ema_decay: float = 0.999,  # Not in paper: the authors' 0.9999 hardly moves in a few thousand steps
    horizontal_flip: bool = False,  # Not in paper: text and the like must not be mirrored
    seed: int = 0,
) -> Pipeline:
    """A copy of the pipeline, trained on under the guidance of its own flaw maps: as plain as it was. Method 1 to 3.

    Args:
        pipeline, images, map_steps, horizontal_flip, seed: as in `train_highlighter`.
        highlighter: what it returned.
        steps: updates; with both weights 0 of plain training, the baseline to compare with.
        forward_weight: lf >= 0, of the amplified noise.
        reverse_weight: lr >= 0, of the modulated keys and values; 0 for a network without self-attention.
        cycle: steps between two refreshes of the map, of which each is the mean over `map_images`.
        batch_size, learning_rate, ema_decay: of AdamW; of the average of weights that is returned, per step.
    """
    checks.check_pipeline(pipeline, map_steps)
    checks.check_trainable(pipeline)
    checks.check_images(pipeline, images, 1)
    checks.check_highlighter(highlighter, pipeline)
    checks.check_whole(1, steps=steps, cycle=cycle, map_images=map_images, batch_size=batch_size)
    checks.check_whole(0, seed=seed)
    checks.check_numbers(0.0, math.inf, forward_weight=forward_weight, reverse_weight=reverse_weight)
    checks.check_numbers(LEAST_RATE, 1.0, learning_rate=learning_rate)
    checks.check_numbers(0.0, 1.0, ema_decay=ema_decay)
    checks.check_flag(horizontal_flip=horizontal_flip)
    checks.check_attention(pipeline, reverse_weight)
    refinement = Refinement(
        forward="xt" if forward_weight else "none",
        forward_weight=forward_weight,
        reverse="kv" if reverse_weight else "none",
        reverse_weight=reverse_weight,
        cycle=cycle,
    )
    settings = _plain_settings(steps, batch_size, learning_rate, ema_decay, horizontal_flip)
    return _trained_on(pipeline, images, highlighter, settings, refinement, MapRecipe(map_images, map_steps), seed)


def _trained_on(
    pipeline: Pipeline,
    images: np.ndarray,
    highlighter: Highlighter,
    settings: training_settings.Settings,
    refinement: Refinement,
    recipe: MapRecipe,
    seed: int,
) -> Pipeline:
    """A copy that is trained on and has the EMA of its weights; torch's random state stays as it was."""
    refined = type(pipeline)(**copy.deepcopy(pipeline.components))
    schedule, dtype, flip = noise_schedule.of(refined), _precision(pipeline), settings.horizontal_flip
    trainer = Trainer(refined.unet, schedule, images, settings, seed=seed, dtype=dtype)
    guide = Guide(recipe, trainer.schedule, highlighter, images, seed=seed, dtype=dtype, horizontal_flip=flip)
    with TemporaryDirectory() as scratch, torch.random.fork_rng():
        run_phase(
            trainer,
            Path(scratch),
            label="refine",
            first_step=0,
            last_step=settings.base_steps,
            checkpoint_every=settings.base_steps,  # none: who stops a call begins again
            log_every=LOG_EVERY,
            refinement=refinement,
            refresh=MapHistory(guide),
        )
    refined.unet.eval().load_state_dict(trainer.ema, strict=False)  # buffers have no average
    return refined


def _precision(pipeline: Pipeline) -> torch.dtype:
    """What networks compute in on the pipeline's device."""
    return devices.precision("auto", pipeline.unet.device)


def _sample(pipeline: Pipeline, n: int, map_steps: int, purpose: random_streams.Purpose, seed: int) -> np.ndarray:
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
            dtype=_precision(pipeline),
        )
    pipeline.unet.train(was_training)
    return images


def _plain_settings(
    steps: int, batch_size: int, learning_rate: float, ema_decay: float, horizontal_flip: bool
) -> training_settings.Settings:
    """How a pipeline is trained on: no decay, neither of weights nor of the rate."""
    return training_settings.Settings(
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
