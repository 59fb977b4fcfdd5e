"""Guidance maps: what steers the refinement phase, and where it enters a training step.

The paper's map is the mFAM, the mean flaw activation map of images that the model itself makes; it is refreshed every
cycle.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from selfrefine import diffusion, randomness, runtime, sampling
from selfrefine.gradcam import flaw_activation_maps, mean_map
from selfrefine.highlighter import Highlighter
from selfrefine.modulation import ReverseProcess

CHUNK = 64  # images sampled and explained together; bounds the memory, decides no number of the map but its last bits


@dataclass(frozen=True)
class Refinement:
    """How a variant uses its map: a row of `variants` with the strengths of train_refined.

    Args:
        forward: how the map enters x_t.
        forward_weight: lf >= 0.
        reverse: how the map enters attention.
        reverse_weight: lr >= 0.
        cycle: steps between two refreshes.
        map_images: images behind one map.
        map_steps: DDIM steps of these images.
    """

    forward: diffusion.ForwardProcess
    forward_weight: float
    reverse: ReverseProcess
    reverse_weight: float
    cycle: int
    map_images: int
    map_steps: int

    @property
    def uses_map(self) -> bool:
        """Whether any process reads the map."""
        return self.forward != "none" or self.reverse != "none"

    def due(self, step: int, first_step: int) -> bool:
        """Whether the map is refreshed before the update of `step`: at the first step of the phase and when the global
        step is a multiple of the cycle (method 3).
        """
        return self.uses_map and (step == first_step or step % self.cycle == 0)


def flaw_map(
    network: nn.Module,
    alphas_cumprod: Tensor,
    highlighter: Highlighter,
    refinement: Refinement,
    *,
    seed: int,
    refresh: int,
    size: int,
    dtype: torch.dtype,
) -> Tensor:
    """The mFAM of refresh number `refresh`: (size, size) float32 in [0, 1] on the network's device. Method 3.

    Samples `map_images` images by DDIM without a map, explains each by Grad-CAM of the fake class, averages. Draws
    from the stream "map_noise" alone: the training's numbers are the same with and without a map.

    Args:
        network: with the weights whose flaws are looked for (the EMA).
        alphas_cumprod: (T,) float32.
        highlighter: on the same device.
        refinement: n of images and steps.
        seed: of the run.
        refresh: number of this refresh, from 0.
        size: px of the training images.
        dtype: what the networks compute in.
    """
    maps = []
    for start in range(0, refinement.map_images, CHUNK):
        rows = range(start, min(start + CHUNK, refinement.map_images))
        streams = [randomness.stream(seed, "map_noise", refresh * refinement.map_images + row) for row in rows]
        images = sampling.sample_chunk(
            network, alphas_cumprod, streams, sampler="ddim", steps=refinement.map_steps, dtype=dtype
        )
        with runtime.autocast(images.device, dtype):
            maps.append(flaw_activation_maps(highlighter, images.expand(-1, 3, -1, -1), streams))
    return mean_map(torch.cat(maps), size)
