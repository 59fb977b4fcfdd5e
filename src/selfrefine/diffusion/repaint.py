"""RePaint: a diffusion network fills the unknown part of an image (Lugmayr et al. 2022; method 5.4, 7).

The known pixels are put in, as noisy as the rest, before each reverse step; now and then the chain goes back some
steps, so that the unknown part comes to fit them. The network is not trained for it and gets no map.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import chunks, devices, pixels, prefetch, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import samplers
from selfrefine.diffusion.inpainting_masks import KNOWN
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.sde_samplers import Streams

PURPOSES: Sequence[random_streams.Purpose] = ("inpainting", "known_pixels")  # the two streams of an image


@dataclass(frozen=True)
class Resampling:
    """How the chain goes forth and back.

    Args:
        steps: of the respaced chain, at least 2 (paper: 250).
        jump_length: steps that it goes back at once, at least 1 (paper: 10).
        jump_samples: how often each stretch of that length is gone through, at least 1 (paper: 10).
        step_samples: how often nearly each single step is, too: 1 for once (paper mode), 4 in the authors' code.
    """

    steps: int
    jump_length: int
    jump_samples: int
    step_samples: int

    def times(self) -> list[int]:
        """Places in the chain in the order of visits, steps-1 the noisiest, -1 the image: one list for all images."""
        if min(self.steps - 1, self.jump_length, self.jump_samples, self.step_samples) < 1:
            raise InputError(f"params.yaml: inpaint_images has {self}; steps 2 or more, the others 1 or more needed")
        jumps = dict.fromkeys(range(0, self.steps - self.jump_length, self.jump_length), self.jump_samples - 1)
        place, found = self.steps - 1, [self.steps - 1]
        while place >= 0:
            # RePaint resamples single steps but the first two.
            if place < self.steps - 2:
                found += [place + 1, place] * (self.step_samples - 1)
            if jumps.get(place, 0):
                jumps[place] -= 1
                found += range(place + 1, place + self.jump_length + 1)
                place += self.jump_length
            place -= 1
            found.append(place)
        return found

    def evaluations(self) -> int:
        """How often the network is asked for each image."""
        return sum(after < place for place, after in pairwise(self.times()))


def repaint(
    network: Any,
    schedule: Schedule,
    images: Tensor,
    known: Tensor,
    resampling: Resampling,
    streams: Streams,
    known_streams: Streams,
) -> Tensor:
    """Images whose unknown part is made by the network: (N, C, H, W) float32 in [-1, 1], known pixels made by it, too.

    Args:
        network: a diffusers network that predicts noise, with or without variances.
        schedule: of its pipeline.
        images: (N, C, H, W) float32 in [-1, 1]; what stands in their holes changes nothing.
        known: (N, 1, H, W) float32: 1 where a pixel is known, 0 in a hole.
        resampling: the way through the chain.
        streams: one generator per image, for x_T and the noise of all steps, forth and back.
        known_streams: likewise, for the noise of the known pixels.
    """
    chain, shape = schedule.steps_on(images.device, resampling.steps)[::-1], tuple(images.shape[1:])
    noisy = random_streams.image_noise(list(streams), shape).to(images.device)
    for number, (place, after) in enumerate(pairwise(resampling.times())):
        if after > place:  # one step of the forward process of the respaced chain
            _, level, lower = chain[after]
            kept = level / lower
            fresh = prefetch.sent_one(random_streams.image_noise(list(streams), shape), images.device)
            noisy = kept**0.5 * noisy + (1.0 - kept) ** 0.5 * fresh
            continue
        if number:  # x_T is noise everywhere
            level = chain[place][1]
            fresh = prefetch.sent_one(random_streams.image_noise(list(known_streams), shape), images.device)
            noisy = known * (level**0.5 * images + (1.0 - level) ** 0.5 * fresh) + (1.0 - known) * noisy
        noisy = samplers.ancestral_step(network, schedule, noisy, chain[place], streams)
    return noisy


@torch.no_grad()
def inpaint_images(
    network: Any,
    schedule: Schedule,
    images: np.ndarray,
    masks: np.ndarray,
    scratch: Path,
    *,
    label: str,
    seed: int,
    resampling: Resampling,
    chunk_size: int,
    dtype: torch.dtype,
) -> np.ndarray:
    """Inpaints all images: (N, H, W, 3) uint8, as the network made them; see `paste`.

    An image has its own noise, whatever the network. In chunks, whose bytes depend on no order of work and which a
    killed job need not make again.

    Args:
        network, schedule: as in `repaint`.
        images: (N, H, W, 3) uint8, of the network's size; image i is inpainted from the noise of index i.
        masks: (N, H, W) uint8, of `masks`.
        scratch: folder of the job.
        label: what progress lines say.
        seed: of the run.
        resampling: the way through the chain.
        chunk_size: images inpainted together.
        dtype: what the network computes in.

    Raises:
        InputError: images or masks that do not fit the network.
    """
    check(network, images, masks)
    network.eval()

    def chunk(numbers: np.ndarray) -> np.ndarray:
        """The images of these numbers; the last chunk begins again with the first image."""
        streams = [
            [random_streams.stream(seed, purpose, number) for number in numbers.tolist()] for purpose in PURPOSES
        ]
        rows = numbers % len(images)
        return repaint_chunk(network, schedule, images[rows], masks[rows], resampling, streams, dtype)

    paths = chunks.in_chunks(chunk, len(images), scratch, label=label, chunk_size=chunk_size)
    return chunks.joined(paths, len(images))


def repaint_chunk(
    network: Any,
    schedule: Schedule,
    images: np.ndarray,
    masks: np.ndarray,
    resampling: Resampling,
    streams: Sequence[Streams],
    dtype: torch.dtype,
) -> np.ndarray:
    """`repaint` of stored images and masks, on the network's device: (N, H, W, 3) uint8; streams of PURPOSES."""
    device = network.device
    given = pixels.to_float(images, network.config.in_channels).to(device)
    known = torch.from_numpy(masks[:, None].astype(np.float32) / KNOWN).to(device)
    with devices.autocast(device, dtype):
        made = repaint(network, schedule, given, known, resampling, *streams)
    return pixels.to_uint8(made)


def check(network: Any, images: np.ndarray, masks: np.ndarray) -> None:
    """Raises InputError unless images and masks have the network's size and belong together."""
    size = network.config.sample_size
    if images.shape[1:3] != (size, size):
        raise InputError(
            f"images of {images.shape[2]} x {images.shape[1]} px given, {size} x {size} needed by the network"
        )
    if masks.shape != images.shape[:3]:
        raise InputError(f"masks: {masks.shape} given, {images.shape[:3]} needed: one for each image, of its size")


def paste(images: np.ndarray, made: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """What the network made, with the known pixels as they were: (N, H, W, 3) uint8.

    Only wholly known pixels are pasted: of a box-averaged mask of alternating lines none is (method 6, rows 31 and 33).

    Args:
        images, made: (N, H, W, 3) uint8.
        masks: (N, H, W) uint8.
    """
    return np.where(masks[..., None] == KNOWN, images, made)
