"""Refines one's own diffusers pipeline on one's own images, without the workflow: README, "Your own model".

Computes on the pipeline's device and changes nothing that it is given, nor who gets a signal. What it keeps in a folder
of its own is checked as a job's is; a call that is stopped begins again. Defaults are the paper's where it states them.
What a pipeline may be, `kinds` says; how each step is done, `steps`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from selfrefine.core import random_streams
from selfrefine.guidance.map_refresh import MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.gradcam import explain
from selfrefine.highlighter.model import Highlighter
from selfrefine.highlighter.training import Settings as HighlighterSettings
from selfrefine.library import checks, given, low_rank
from selfrefine.library import steps as method
from selfrefine.library.conditions import Conditions, told_of
from selfrefine.networks import Pipeline
from selfrefine.training.settings import Settings

# Not in paper: fewer DDIM steps than the authors' 250, because the highlighter learns from chains of the same length.
MAP_STEPS = 50
WARMUP_STEPS = 100  # Not in paper: the rate rises, because AdamW begins without moments of an own pipeline
LEAST_RATE = 1e-12  # a learning rate that still changes a float32 weight of 1e-5
FEWEST_IMAGES = 10  # the highlighter validates on a tenth of them and leaves another out
# Not in paper: five looks at the validation part, because the best state is rarely the last one.
LOOKS, HIGHLIGHTER_DECAY = 5, 0.01


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
    conditions: Conditions | None = None,
    seed: int = 0,
) -> Highlighter:
    """Trains VGG16 to tell these images from the pipeline's: where it looks on the latter are flaws. Method 4.

    Args:
        pipeline, images: a pipeline of docs/library.md that makes images of side H; (N, H, H, 3) uint8.
        steps: updates.
        input_size: px that images are resized to, a multiple of 32; None for H rounded up, as in the paper; larger, if
            the images are small: a map has (input_size / 16)^2 cells.
        weights: safetensors of VGG16 with torchvision's names; None fetches them once into torch's cache.
        n_fakes: images of the pipeline, at most N.
        batch_size, learning_rate: images of each class per update; of AdamW, peak of one cycle.
        map_steps, seed: DDIM steps of the pipeline's images, the same in all functions; of everything random.
        horizontal_flip: whether half of the images are mirrored in training, of the pipeline before and in `refine`.
        conditions: what the images show, for a pipeline whose network is told, the same in `refine`.
    """
    subject = checks.check_pipeline(pipeline, map_steps)
    checks.check_training(subject, images, FEWEST_IMAGES, conditions, horizontal_flip)
    checks.check_whole(1, steps=steps, batch_size=batch_size)
    checks.check_whole(FEWEST_IMAGES, n_fakes=n_fakes)
    checks.check_whole(0, seed=seed)
    checks.check_numbers(LEAST_RATE, 1.0, learning_rate=learning_rate)
    size = checks.check_input_size(method.map_size(images.shape[1]) if input_size is None else input_size)
    start, n = given.imagenet_weights(weights), min(n_fakes, len(images))
    how, flip = highlighter_settings(steps, batch_size, learning_rate), horizontal_flip
    with TemporaryDirectory() as scratch:
        told = told_of(subject, conditions, Path(scratch))
        fakes = method.sampled(subject, n, map_steps, "highlighter_fakes", seed, Path(scratch, "fakes"), told)
        return method.trained_highlighter(
            subject, images, fakes, how, size, start, horizontal_flip=flip, seed=seed, scratch=Path(scratch)
        )


@checks.entry()
def flaw_maps(
    pipeline: Pipeline,
    highlighter: Highlighter,
    *,
    n_images: int,
    map_steps: int = MAP_STEPS,
    conditions: Conditions | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The first images of the pipeline, (n, H, H, 3) uint8, and their maps, (n, S, S) float32 in [0, 1]. Method 3.

    Args:
        pipeline, map_steps, seed: as in `train_highlighter`.
        highlighter: what it returned.
        n_images: n.
        conditions: what these images show, spread evenly over those that are given.
    """
    subject = checks.check_pipeline(pipeline, map_steps)
    checks.check_conditions(subject, conditions, None)
    checks.check_highlighter(highlighter, subject)
    checks.check_whole(1, n_images=n_images)
    checks.check_whole(0, seed=seed)
    with TemporaryDirectory() as scratch:
        told = told_of(subject, conditions, Path(scratch))
        images = method.sampled(subject, n_images, map_steps, "evaluation", seed, Path(scratch), told)
    streams = [random_streams.stream(seed, "readouts", row) for row in range(n_images)]
    return images, explain(highlighter, images, streams, subject.dtype)


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
    conditions: Conditions | None = None,
    lora: int = 0,
    lora_folder: Path | str | None = None,
    seed: int = 0,
) -> Pipeline:
    """A copy of the pipeline, trained on under the guidance of its own flaw maps: as plain as it was. Method 1 to 3.

    Args:
        pipeline, images, map_steps, horizontal_flip, conditions, seed: as in `train_highlighter`.
        highlighter: what it returned.
        steps: updates; with both weights 0 of plain training, the baseline to compare with.
        forward_weight: lf >= 0, of the amplified noise.
        reverse_weight: lr >= 0, of the modulated keys and values; 0 for a network without self-attention.
        cycle: steps between two refreshes of the map, of which each is the mean over `map_images`.
        batch_size, learning_rate, ema_decay: of AdamW; of the average of weights that is returned, per step.
        lora, lora_folder: rank of low-rank weights, which alone are trained, 0 for all; where they are kept, if at all.
    """
    subject = checks.check_pipeline(pipeline, map_steps)
    low_rank.check(subject, lora, lora_folder)
    checks.check_training(subject, images, 1, conditions, horizontal_flip)
    checks.check_use(subject, highlighter, forward_weight, reverse_weight)
    checks.check_whole(1, steps=steps, cycle=cycle, map_images=map_images, batch_size=batch_size)
    checks.check_whole(0, seed=seed)
    checks.check_numbers(LEAST_RATE, 1.0, learning_rate=learning_rate)
    checks.check_numbers(0.0, 1.0, ema_decay=ema_decay)
    use, recipe = refinement(forward_weight, reverse_weight, cycle), MapRecipe(map_images, map_steps)
    with TemporaryDirectory() as scratch:
        told = told_of(subject, conditions, Path(scratch))
        how = settings(steps, batch_size, learning_rate, ema_decay, horizontal_flip, told.dropout)
        made = method.trained_on(
            subject, images, highlighter, how, use, recipe, told=told, seed=seed, scratch=Path(scratch), lora=lora
        )
    if lora_folder is not None:
        low_rank.save(subject, made.low_rank, Path(lora_folder))
    return made.subject.pipeline


def refinement(forward_weight: float, reverse_weight: float, cycle: int) -> Refinement:
    """How maps are used, in paper mode; with weights of 0 not at all."""
    return Refinement(
        forward="xt" if forward_weight else "none",
        forward_weight=forward_weight,
        reverse="kv" if reverse_weight else "none",
        reverse_weight=reverse_weight,
        cycle=cycle,
    )


def highlighter_settings(steps: int, batch_size: int, learning_rate: float) -> HighlighterSettings:
    """How a highlighter is trained."""
    return HighlighterSettings(
        steps, batch_size, learning_rate, HIGHLIGHTER_DECAY, validate_every=max(1, steps // LOOKS)
    )


def settings(
    steps: int, batch_size: int, learning_rate: float, ema_decay: float, horizontal_flip: bool, caption_dropout: float
) -> Settings:
    """How a pipeline is trained on: no decay, neither of weights nor of the rate."""
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
        caption_dropout=caption_dropout,
        base_steps=steps,
    )
