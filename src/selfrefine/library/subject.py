"""A pipeline of a person's own, whatever its kind: its network, schedule, autoencoder, and what images it makes."""

import copy
import dataclasses
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine.core import devices
from selfrefine.diffusion import autoencoder, noise_schedule
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.guidance.map_refresh import CHUNK
from selfrefine.library import kinds
from selfrefine.library.kinds.pixart import Called
from selfrefine.networks import Pipeline

SMALL = 64  # px: of latent pipelines, as many images as usual at a time have this size


class Subject:
    """A pipeline, checked.

    Args:
        pipeline: any.
        given: what names it in a message.
        precision: what its network computes in: auto, float32 or bfloat16.

    Raises:
        InputError: a pipeline of no known kind.
    """

    def __init__(self, pipeline: Pipeline, given: str = "pipeline", precision: str = "auto") -> None:
        self.kind = kinds.of(pipeline, given)
        self.pipeline, self.precision = pipeline, precision

    @property
    def part(self) -> Any:
        """What is trained, a module of diffusers or ours."""
        return getattr(self.pipeline, self.kind.network)

    @property
    def network(self) -> Any:
        """The same, as trainer and samplers call it."""
        return Called(self.part, self.size) if self.kind.masked else self.part

    @property
    def device(self) -> torch.device:
        """Of the network."""
        device: torch.device = self.part.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What networks compute in on its device."""
        return devices.precision(self.precision, self.device)

    @property
    def schedule(self) -> Schedule:
        """Of its scheduler, on the CPU."""
        found = noise_schedule.of(self.pipeline)
        return dataclasses.replace(found, learned_variance=found.learned_variance or self.kind.learned_variance)

    @cached_property
    def codec(self) -> LatentCodec | None:
        """Its autoencoder; None of pixels."""
        return autoencoder.of(self.pipeline)

    @property
    def size(self) -> int:
        """Side of its images, px."""
        side: int = self.part.config.sample_size
        return side if self.codec is None else side * autoencoder.factor(self.codec.autoencoder)

    @property
    def channels(self) -> int:
        """Of its images: 1 or 3."""
        return int(self.part.config.in_channels) if self.codec is None else self.codec.channels

    @property
    def chunk(self) -> int:
        """Images that are sampled, decoded and explained together: fewer, the larger they are decoded."""
        return CHUNK if self.codec is None else max(1, CHUNK * SMALL**2 // max(self.size, SMALL) ** 2)

    def copied(self, own_weights: bool = True) -> "Subject":
        """A subject whose network and scheduler are its own; all that is not trained is shared.

        Args:
            own_weights: False shares the numbers of the network's weights, too: nobody may change them in place.
        """
        pipeline, network = copy.copy(self.pipeline), self.part
        shared = {} if own_weights else {id(weights): _same(weights) for weights in network.parameters()}
        scheduler = copy.deepcopy(self.pipeline.scheduler)
        pipeline.register_modules(scheduler=scheduler, **{self.kind.network: copy.deepcopy(network, shared)})
        if names := getattr(pipeline, "labels", None):
            pipeline.register_to_config(id2label=_by_number(names))  # diffusers reads these words, but saves none
        return Subject(pipeline, precision=self.precision)

    def training_set(self, images: np.ndarray, scratch: Path) -> np.ndarray:
        """What the network is trained on: the images, (N, H, H, 3) uint8, or their latents, (N, c, h, h) float16."""
        if self.codec is None:
            return images
        return autoencoder.encode_images(
            self.codec, images, scratch / "latents", self.device, label="encode images", chunk_size=self.chunk
        ).array()


def _same(weights: torch.nn.Parameter) -> torch.nn.Parameter:
    """A parameter of its own over the same numbers in memory."""
    return torch.nn.Parameter(weights.detach(), weights.requires_grad)


def _by_number(names: Mapping[str, int]) -> dict[str, str]:
    """DiT's classes as its model_index.json has them: by number, the words for one class behind one another."""
    found: dict[str, list[str]] = {}
    for name, number in names.items():
        found.setdefault(str(number), []).append(name)
    return {number: ", ".join(words) for number, words in found.items()}
