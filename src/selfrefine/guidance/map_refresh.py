"""Guidance of the refinement phase: how a variant uses its map, and how the map is made at every refresh.

The paper's map is the mFAM, the mean flaw activation map of images that the model itself makes; the others are
functions of it, of those images or of real ones.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from selfrefine.core import devices, pixels, random_streams
from selfrefine.diffusion import prompts, sampling
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.prompts import Captions
from selfrefine.guidance import control_maps
from selfrefine.guidance.refinement import Maps
from selfrefine.highlighter.gradcam import CELL, PAPER_CAM, Cam, flaw_activation_maps, mean_map
from selfrefine.highlighter.model import Highlighter

CHUNK = 64  # images sampled and explained together; bounds the memory, decides no number of the map but its last bits


@dataclass(frozen=True)
class MapRecipe:
    """What a variant's map is made of: a row of `variants`; what is not given is in paper mode.

    Args:
        map_images: images behind one map.
        map_steps: DDIM steps of these images.
        map: which map.
        match: whether it gets mean and standard deviation of the mFAM.
        cam: how images are explained.
    """

    map_images: int
    map_steps: int
    map: control_maps.GuidanceMap = "mfam"
    match: bool = False
    cam: Cam = PAPER_CAM


class Guide:
    """Makes the maps of one run. Draws from streams of its own: training is the same with and without it.

    Args:
        recipe: which map, of how many images.
        schedule: of the network's pipeline.
        highlighter: on the same device; of the mFAM.
        reals: packed training images, (N, H, H, 3) uint8.
        seed: of the run.
        dtype: what the networks compute in.
        horizontal_flip: whether the network trains on mirrored images, too.
        other: the highlighter of the map label_shuffled.
        codec: of a latent pipeline; the highlighters see decoded images, and maps have their resolution.
        captions: of the training images, for a network that is conditioned on them.
        guidance_scale: of the images behind the maps, where they have captions.
        chunk: images sampled and explained together; fewer where they are large.
    """

    def __init__(
        self,
        recipe: MapRecipe,
        schedule: Schedule,
        highlighter: Highlighter,
        reals: np.ndarray,
        *,
        seed: int,
        dtype: torch.dtype,
        horizontal_flip: bool,
        other: Highlighter | None = None,
        codec: LatentCodec | None = None,
        captions: Captions | None = None,
        guidance_scale: float = 1.0,
        chunk: int = CHUNK,
    ) -> None:
        self.recipe, self.schedule, self.highlighter, self.reals = recipe, schedule, highlighter, reals
        self.seed, self.dtype, self.horizontal_flip, self.other = seed, dtype, horizontal_flip, other
        self.size, self.codec, self.captions, self.guidance_scale = reals.shape[1], codec, captions, guidance_scale
        self.chunk = chunk

    def __call__(self, network: nn.Module, refresh: int, first: Tensor | None = None) -> Maps:
        """The maps of refresh number `refresh`, from 0; `first` is the mFAM of the first one, None for that itself."""
        images, streams = self.generated(network, refresh)
        mfam = self.mean_map(self.highlighter, images, streams)
        used = self._map(mfam, mfam if first is None else first, images, refresh)
        return Maps(mfam, control_maps.matched(used, mfam) if self.recipe.match else used)

    def generated(self, network: nn.Module, refresh: int) -> tuple[Tensor, list[torch.Generator]]:
        """Images of the network, sampled by DDIM without a map, and their streams, of which the dither is drawn next.

        Args:
            network: with the weights whose flaws are looked for (the EMA).
            refresh: number of this refresh, from 0.

        Returns:
            (map_images, C, H, H) float32 in [-1, 1], and one stream for each.
        """
        n = self.recipe.map_images
        streams = [random_streams.stream(self.seed, "map_noise", refresh * n + row) for row in range(n)]
        rows = self._captioned(refresh)
        chunks = [
            sampling.sample_chunk(
                prompts.prompted(network, self.captions, rows[start : start + self.chunk], self.guidance_scale),
                self.schedule,
                streams[start : start + self.chunk],
                sampler="ddim",
                steps=self.recipe.map_steps,
                dtype=self.dtype,
                codec=self.codec,
            )
            for start in range(0, n, self.chunk)
        ]
        return torch.cat(chunks), streams

    def _captioned(self, refresh: int) -> list[int]:
        """The training images whose captions a refresh is made of; nothing without captions.

        # Not in paper: drawn anew, because the authors' captions are those of the batch, one.
        """
        n = self.recipe.map_images if self.captions is not None else 0
        if self.captions is not None and self.captions.in_turn:
            return list(range(refresh * n, refresh * n + n))
        streams = [random_streams.stream(self.seed, "map_captions", refresh * n + row) for row in range(n)]
        return [int(torch.randint(len(self.reals), (), generator=draws)) for draws in streams]

    def mean_map(self, highlighter: Highlighter, images: Tensor, streams: list[torch.Generator]) -> Tensor:
        """The mean over images of their Grad-CAMs, (H, H) float32 in [0, 1]; of generated ones the mFAM. Method 3."""
        found = []
        for start in range(0, len(images), self.chunk):
            chunk = slice(start, start + self.chunk)
            with devices.autocast(images.device, self.dtype):
                shown = images[chunk].expand(-1, 3, -1, -1)
                found.append(flaw_activation_maps(highlighter, shown, streams[chunk], self.recipe.cam))
        return mean_map(torch.cat(found), self.size)

    def _map(self, mfam: Tensor, first: Tensor, images: Tensor, refresh: int) -> Tensor:
        """The variant's map before it is matched. Method 5.6 and 11.3."""
        grid = self.highlighter.input_size // CELL
        match self.recipe.map:
            case "label_shuffled":
                assert self.other is not None, "the map label_shuffled needs a second highlighter"
                return self.mean_map(self.other, images, self._streams(refresh))
            case "real_map":
                streams = self._streams(refresh)
                return self.mean_map(self.highlighter, self._some_reals(streams).to(images.device), streams)
            case "edge":
                return control_maps.edge(pixels.quantise(images))
            case "moment_gap":
                mean, std = (moment.to(images.device) for moment in self._moments)
                return control_maps.moment_gap(images, mean[: images.shape[1]], std[: images.shape[1]], grid)
            case kind:
                return control_maps.control(
                    kind, mfam, first, seed=self.seed, grid=grid, input_size=self.highlighter.input_size
                )

    def _streams(self, refresh: int) -> list[torch.Generator]:
        """One stream for each image of a control at a refresh."""
        n = self.recipe.map_images
        return [random_streams.stream(self.seed, "control", refresh * n + row) for row in range(n)]

    def _some_reals(self, streams: list[torch.Generator]) -> Tensor:
        """One training image for each stream, mirrored as often as in training: (n, 3, H, H) float32 in [-1, 1]."""
        rows = [int(torch.randint(len(self.reals), (), generator=draws)) for draws in streams]
        images = pixels.to_float(self.reals[rows])
        if self.horizontal_flip:
            flipped = torch.stack([torch.rand((), generator=draws) < 0.5 for draws in streams])
            images = torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)
        return images

    @cached_property
    def _moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of all training images at each pixel, (3, H, H) float32, in units of [-1, 1]."""
        return pixels.moments(self.reals, self.horizontal_flip)
