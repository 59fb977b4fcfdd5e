"""Every trainer at its smallest, and what it leaves, for tests of what they all do."""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from selfrefine.diffusion import autoencoder
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.refinement import Maps, Refinement
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.training import HighlighterTrainer
from selfrefine.highlighter.training import Settings as HighlighterSettings
from selfrefine.training import classifier, loop
from selfrefine.training.autoencoder import AutoencoderTrainer
from tests.support import tiny, tiny_garments, tiny_highlighter, tiny_latent, tiny_trainers

STEPS, CHECKPOINT_EVERY = 9, 3
Run = Callable[[Path, str], None]
BOTH = Refinement("xt", 0.5, "kv", 0.5, cycle=4)


def of_diffusion(family: str, refinement: Refinement | None = None) -> tuple[Any, Run]:
    made = tiny_trainers.trainer(family)

    def random_maps(_network: Any, number: int, _first: Any) -> Maps:
        return Maps(tiny_trainers.some_map(made, number), tiny_trainers.some_map(made, number + 100))

    def run(scratch: Path, label: str) -> None:
        steps = {"first_step": 0, "last_step": STEPS, "checkpoint_every": CHECKPOINT_EVERY, "log_every": 2}
        how = {"refinement": refinement, "refresh": MapHistory(random_maps) if refinement else None}
        loop.run_phase(made, scratch, label=label, **steps, **how)

    return made, run


def of_autoencoder(kind: autoencoder.Kind) -> tuple[Any, Run]:
    model = autoencoder.build(kind, tiny_latent.AUTOENCODER, tiny.SIZE, 0)
    how = tiny_latent.autoencoder_config(steps=STEPS, checkpoint_every=CHECKPOINT_EVERY)
    made = AutoencoderTrainer(model, tiny.tiny_images(), how, seed=0, dtype=torch.float32)
    return made, made.run


def of_classifier() -> tuple[Any, Run]:
    images, labels = tiny_garments.garments(40, seed=0)
    how = classifier.Settings(STEPS, 8, 0.001, 0.0, CHECKPOINT_EVERY, 0)
    model = classifier.initial_classifier(labels, images.shape[1], 0)
    made = classifier.ClassifierTrainer(model, images, labels, how, torch.float32)
    return made, made.run


def of_highlighter() -> tuple[Any, Run]:
    data = RealsAndFakes(tiny.tiny_images(32), tiny.tiny_images(32)[::-1], seed=0)
    how = HighlighterSettings(STEPS, 2, 1e-5, 0.01, validate_every=CHECKPOINT_EVERY)
    made = HighlighterTrainer(tiny_highlighter.highlighter(32), data, how, torch.float32)
    return made, made.run


TRAINERS: dict[str, Callable[[], tuple[Any, Run]]] = {
    **{family: partial(of_diffusion, family) for family in tiny_trainers.FAMILIES},
    "refined": partial(of_diffusion, "ddpm", BOTH),
    "vq": partial(of_autoencoder, "vq"),
    "kl": partial(of_autoencoder, "kl"),
    "classifier": of_classifier,
    "highlighter": of_highlighter,
}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a trainer leaves: equal only if every bit is."""

    tensors: dict[str, bytes]
    log: list[Any]


def outcome(trainer: Any) -> Outcome:
    """Of a trainer after its last step."""
    network = next(getattr(trainer, name) for name in ("network", "autoencoder", "model") if hasattr(trainer, name))
    tensors = {**network.state_dict(), **{f"ema {name}": value for name, value in getattr(trainer, "ema", {}).items()}}
    return Outcome(
        {name: value.detach().numpy().tobytes() for name, value in tensors.items()}, list(getattr(trainer, "log", ()))
    )
