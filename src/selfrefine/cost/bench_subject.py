"""What a benchmark measures: network, batch and refinement of the params, on random pixels and with random weights,
since neither decides how long anything takes: it needs no run, no data set and no pretrained weights.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import devices
from selfrefine.core.names import FLAW
from selfrefine.cost import random_weights
from selfrefine.cost.clock import name_of
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.model import Highlighter
from selfrefine.params import job_config
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer

MODEL, VARIANT, SEED = "ddpm", "both", 0
N_IMAGES = 1024  # of the training set; a step's time does not depend on it


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int = 5  # of all cases of a section
    images: int = 320  # that the updates of one measurement learn from
    batches: tuple[int, ...] = (8, 16, 64)
    cycles: tuple[int, ...] = (10, 50, 100, 500, 1000)  # the paper's search space
    # (images, steps) of a refresh; of a small batch few steps rather than few images, since these cost more
    refreshes: tuple[tuple[int, int], ...] = ((64, 10), (64, 25), (32, 10), (16, 9), (16, 4))
    authors_steps: int = 250  # of the authors' refresh, of as many images as the batch
    seconds: float = 5.0  # that a machine full of trainings is looked at
    sampled: tuple[int, int] = (64, 25)  # images sampled together beside diffusers' pipeline, and steps of each

    def refreshes_of(self, batch: int) -> list[tuple[int, int]]:
        """(images, steps) of the refreshes that this batch is refined with, the authors' last."""
        return [*self.refreshes, (batch, self.authors_steps)]


class Subject(NamedTuple):
    """A model on a machine: how it is built (train_base), trained and refined, a highlighter on the device, images
    (N, H, H, 3) uint8, and what networks compute on and in.
    """

    base: Mapping[str, Any]
    settings: Settings
    refinement: Refinement
    highlighter: Highlighter
    images: np.ndarray
    device: torch.device
    dtype: torch.dtype

    def pipeline(self) -> networks.Pipeline:
        """A new pipeline, always with the same weights."""
        base, size = self.base, self.images.shape[1]
        return networks.build(base["family"], base["network"], base["diffusion"], size, SEED).to(self.device)

    def trainer(self, batch_size: int, dtype: torch.dtype) -> Trainer:
        """A new trainer with this batch and precision."""
        pipeline, settings = self.pipeline(), dataclasses.replace(self.settings, batch_size=batch_size)
        return Trainer(pipeline.unet, noise_schedule.of(pipeline), self.images, settings, seed=SEED, dtype=dtype)

    def precisions(self) -> dict[str, torch.dtype]:
        """float32, which others use, and this machine's, by the name of a case."""
        return {f"ours, {name_of(dtype)}": dtype for dtype in (torch.float32, self.dtype)}


def settings_of(base: Mapping[str, Any]) -> Settings:
    """How the base phase with this config trains."""
    shared = {field.name: base[field.name] for field in dataclasses.fields(Settings) if field.name != "base_steps"}
    return Settings(**shared, base_steps=base["steps"])


def of_params(params: Mapping[str, Any], device: torch.device) -> Subject:
    """The subject of the whole params: their model ddpm on the first selected data set, refined by both processes."""
    names = {"dataset": job_config.selected(params, "datasets")[0], "model": MODEL}
    base = job_config.job(params, "train_base", names)
    refined = job_config.job(params, "train_refined", names | {"variant": VARIANT})
    size: int = job_config.job(params, "prepare_data", names)["size"]
    input_size: int = job_config.job(params, "train_highlighter", names | {"highlighter": FLAW})["input_size"]
    same = ("forward", "forward_weight", "reverse", "reverse_weight", "cycle")
    return Subject(
        base=base,
        settings=settings_of(base),
        refinement=Refinement(**{name: refined[name] for name in same}),
        highlighter=random_weights.highlighter(input_size, SEED).to(device),
        images=np.random.default_rng(SEED)
        .integers(0, 256, (N_IMAGES, size, size, 1), dtype=np.uint8)
        .repeat(3, axis=-1),
        device=device,
        dtype=devices.precision(base["precision"], device),
    )
