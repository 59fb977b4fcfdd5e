"""What is measured: network, batch and refinement of the params, on random pixels and with random weights.

Neither decides how long anything takes, so that a benchmark needs no run, no data set and no pretrained weights.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from selfrefine import networks
from selfrefine.core import devices
from selfrefine.core.names import FLAW
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter.model import Highlighter
from selfrefine.params import job_config
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer

MODEL, VARIANT, SEED = "ddpm", "both", 0
N_IMAGES = 1024  # of the training set; a step's time does not depend on it


@dataclass(frozen=True)
class Subject:
    """A model on a machine.

    Args:
        family, network, diffusion: of train_base.
        settings: how it trains.
        refinement: how it is refined.
        highlighter: on the device, ready for evaluation.
        images: (N, H, H, 3) uint8.
        device: where.
        dtype: what networks compute in.
    """

    family: str
    network: dict[str, Any]
    diffusion: dict[str, Any]
    settings: Settings
    refinement: Refinement
    highlighter: Highlighter
    images: np.ndarray
    device: torch.device
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Side of the images, px."""
        return int(self.images.shape[1])

    def pipeline(self) -> networks.Pipeline:
        """A new pipeline, always with the same weights."""
        return networks.build(self.family, self.network, self.diffusion, self.size, SEED).to(self.device)

    def trainer(self, batch_size: int, dtype: torch.dtype) -> Trainer:
        """A new trainer with this batch and precision."""
        pipeline = self.pipeline()
        settings = dataclasses.replace(self.settings, batch_size=batch_size)
        return Trainer(pipeline.unet, noise_schedule.of(pipeline), self.images, settings, seed=SEED, dtype=dtype)

    def precisions(self) -> list[torch.dtype]:
        """float32, which others use, and this machine's."""
        return list(dict.fromkeys([torch.float32, self.dtype]))


def of_params(params: Mapping[str, Any], device: torch.device) -> Subject:
    """The subject that params.yaml describes: its model ddpm on the first selected data set, refined by both processes.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        device: where it computes.
    """
    names = {"dataset": job_config.selected(params, "datasets")[0], "model": MODEL}
    base = job_config.job(params, "train_base", names)
    refined = job_config.job(params, "train_refined", names | {"variant": VARIANT})
    size: int = job_config.job(params, "prepare_data", names)["size"]
    input_size: int = job_config.job(params, "train_highlighter", names | {"highlighter": FLAW})["input_size"]
    settings = {field.name: base[field.name] for field in dataclasses.fields(Settings) if field.name != "base_steps"}
    same = ("forward", "forward_weight", "reverse", "reverse_weight", "cycle")
    return Subject(
        family=base["family"],
        network=base["network"],
        diffusion=base["diffusion"],
        settings=Settings(**settings, base_steps=base["steps"]),
        refinement=Refinement(**{name: refined[name] for name in same}),
        highlighter=random_highlighter(input_size).to(device),
        images=np.random.default_rng(SEED).integers(0, 256, (N_IMAGES, size, size, 3), dtype=np.uint8),
        device=device,
        dtype=devices.precision(base["precision"], device),
    )


def random_highlighter(input_size: int) -> Highlighter:
    """A highlighter with He's initial weights, with which a signal passes thirteen layers: its maps are not empty."""
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = Highlighter(input_size, shortcut_guard=True)
        for layer in model.features:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
    return model.eval()
