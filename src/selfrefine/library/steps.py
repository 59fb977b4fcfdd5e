"""The steps of the method on a subject; each goes on from what it has kept in the scratch folder that it is given.

Nothing is checked here: `refine`, and the command of the same name, do that first.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import model_folders, random_streams
from selfrefine.core.mirrored import as_trained
from selfrefine.diffusion import sampling
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.model import CONV_STRIDE, Highlighter
from selfrefine.highlighter.training import HighlighterTrainer, Settings, initial_highlighter
from selfrefine.library import low_rank
from selfrefine.library.conditions import Told
from selfrefine.library.low_rank import LowRank
from selfrefine.library.subject import Subject
from selfrefine.training import settings as training_settings
from selfrefine.training.loop import run_phase
from selfrefine.training.trainer import Trainer

LOG_EVERY = 10  # steps between looks at the loss


class Trained(NamedTuple):
    """A pipeline that was trained on, plain; its maps; its low-rank weights, which are part of it already."""

    subject: Subject
    maps: MapHistory
    low_rank: LowRank


def sampled(
    subject: Subject,
    n: int,
    map_steps: int,
    purpose: random_streams.Purpose,
    seed: int,
    scratch: Path,
    told: Told,
    label: str = "sampling",
) -> np.ndarray:
    """Images 0 ... n-1 of a purpose by DDIM, (n, H, H, 3) uint8; what they show stands for all that was told."""
    was_training = subject.network.training
    try:
        return sampling.sample_images(
            subject.network,
            subject.schedule,
            scratch,
            label=label,
            seed=seed,
            purpose=purpose,
            n_images=n,
            chunk_size=subject.chunk,
            sampler="ddim",
            steps=map_steps,
            dtype=subject.dtype,
            codec=subject.codec,
            captions=told.spread(n),
            guidance_scale=told.guidance_scale,
        ).array()
    finally:
        subject.network.train(was_training)


def map_size(images_size: int) -> int:
    """px that images are resized to for the highlighter, as in the paper: their own, rounded up."""
    return -(-images_size // CONV_STRIDE) * CONV_STRIDE


def trained_highlighter(
    subject: Subject,
    images: np.ndarray,
    fakes: np.ndarray,
    settings: Settings,
    input_size: int,
    weights: Path,
    *,
    horizontal_flip: bool,
    seed: int,
    scratch: Path,
) -> Highlighter:
    """A highlighter that tells the images from the fakes, in evaluation mode, on the subject's device.

    Args:
        subject: what made the fakes.
        images, fakes: (N, H, H, 3) and (n, H, H, 3) uint8.
        settings: how it is trained.
        input_size: px, a multiple of 32.
        weights: VGG16 as safetensors.
        horizontal_flip: whether half of the images are mirrored.
        seed, scratch: of the run; of this step.
    """
    model = initial_highlighter(input_size, True, weights, seed).to(subject.device)
    data = RealsAndFakes(as_trained(images, horizontal_flip), fakes, seed)
    HighlighterTrainer(model, data, settings, subject.dtype).run(scratch, "train_highlighter")
    return model.eval()


def trained_on(
    subject: Subject,
    images: np.ndarray,
    highlighter: Highlighter,
    settings: training_settings.Settings,
    refinement: Refinement,
    recipe: MapRecipe,
    *,
    told: Told,
    seed: int,
    scratch: Path,
    lora: int = 0,
    checkpoint_every: int | None = None,
    label: str = "refine",
) -> Trained:
    """A copy that is trained on and has the EMA of its weights, and its maps; torch's random state stays as it was.

    Args:
        subject, images, highlighter: as given by the person.
        settings, refinement, recipe: how it is trained, how maps are used and made.
        told: what the images show.
        seed, scratch: of the run; of this step.
        lora: rank of low-rank weights, which alone are trained; 0 trains all.
        checkpoint_every: updates after which all is kept; None keeps nothing: who stops a call begins again.
        label: of the progress lines.
    """
    refined = low_rank.added(subject, lora, seed) if lora else subject.copied()
    data = refined.training_set(images, scratch)
    trainer = Trainer(
        refined.network, refined.schedule, data, settings, seed=seed, dtype=subject.dtype, captions=told.captions
    )
    maps = MapHistory(_guide(refined, images, highlighter, recipe, told, settings.horizontal_flip, seed))
    with torch.random.fork_rng():
        run_phase(
            trainer,
            scratch,
            label=label,
            first_step=0,
            last_step=settings.base_steps,
            checkpoint_every=checkpoint_every or settings.base_steps,
            log_every=LOG_EVERY,
            refinement=refinement,
            refresh=maps,
        )
    refined.network.eval().load_state_dict(trainer.ema, strict=False)  # buffers have no average
    if lora:
        return Trained(low_rank.merged(subject, refined), maps, low_rank.of(refined))
    return Trained(refined, maps, {})


def save(given: Subject, made: Trained, folder: Path) -> None:
    """Saves what was trained: low-rank weights alone where stock diffusers loads such, else the whole pipeline."""
    if made.low_rank and low_rank.loads(given):
        low_rank.save(given, made.low_rank, folder)
    else:
        networks.save(made.subject.pipeline, folder)


def load(given: Subject, folder: Path) -> Subject:
    """The pipeline in a folder of `save`.

    Args:
        given: what it was trained from.
        folder: of a pipeline, or of low-rank weights for the one given.
    """
    if not (folder / model_folders.INDEX).is_file():
        return low_rank.load(given, folder)
    return Subject(networks.load_any(folder, given.device), str(folder), given.precision)


def _guide(
    subject: Subject,
    images: np.ndarray,
    highlighter: Highlighter,
    recipe: MapRecipe,
    told: Told,
    horizontal_flip: bool,
    seed: int,
) -> Guide:
    """What makes the maps of the subject."""
    return Guide(
        recipe,
        subject.schedule.to(subject.device),
        highlighter,
        images,
        seed=seed,
        dtype=subject.dtype,
        horizontal_flip=horizontal_flip,
        codec=subject.codec,
        captions=told.of_maps,
        guidance_scale=told.guidance_scale,
        chunk=subject.chunk,
    )
