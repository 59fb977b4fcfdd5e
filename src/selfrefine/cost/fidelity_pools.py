"""The maps that a study of fidelity compares: pools of images of a base model, each explained once (method 11.6), and
each of noise of its own, so that no candidate shares an image with the reference.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.cost.refresh_fidelity import Model, Size
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, sampling
from selfrefine.evidence import compared_maps
from selfrefine.guidance.map_refresh import CHUNK
from selfrefine.highlighter import model

OF_REFERENCE = 0  # number of its pool; that of a candidate is its steps


class Run(NamedTuple):
    """A finished base model and its highlighters."""

    names: dict[str, str]  # dataset, model, seed
    pipeline: Path  # diffusers folder of the EMA weights
    highlighters: Mapping[str, Path]
    captions: tuple[Path, ...] = ()  # of text-to-image, embedded, and their rows; image i of a pool has that of photo i


def pool_sizes(reference: Size, candidates: Sequence[Size], pool: int) -> dict[int, Size]:
    """Number of each pool -> its size: one for the reference, one for each number of steps."""
    of_steps = {steps: Size(pool, steps) for steps in sorted({size.steps for size in candidates})}
    return {OF_REFERENCE: reference} | of_steps


def study(run: Run, sizes: Mapping[int, Size], scratch: Path, device: torch.device, dtype: torch.dtype) -> list[Model]:
    """Samples and explains the pools of a run, of `pool_sizes`: one model for each highlighter; the maps are at the
    training size, as those of a refresh. A killed study goes on with the images in `scratch`, a folder of this run.
    More steps than the model has timesteps are an InputError.
    """
    pipeline, seed = networks.load(run.pipeline, device), int(run.names["seed"])
    schedule, longest = noise_schedule.of(pipeline), max(size.steps for size in sizes.values())
    if longest > (known := len(schedule.alphas_cumprod)):
        raise InputError(f"{run.pipeline}: {longest} steps asked for, but the model has {known} timesteps")
    models = {name: model.load(path, device) for name, path in run.highlighters.items()}
    single: dict[str, dict[int, np.ndarray]] = {name: {} for name in models}
    for number, size in sizes.items():
        noise, dither = (random_streams.stream_seed(seed, "fidelity", 2 * number + which) for which in (0, 1))
        label = f"fidelity {run.names['dataset']} {run.names['model']} seed{seed} {size}"
        how: dict[str, Any] = {"sampler": "ddim", "steps": size.steps, "n_images": size.images, "chunk_size": CHUNK}
        how |= {"codec": autoencoder.of(pipeline), "captions": prompts.read(pipeline.unet, run.captions)}
        how |= {"label": label, "seed": noise, "purpose": "fidelity", "dtype": dtype}
        images = sampling.sample_images(pipeline.unet, schedule, scratch / f"pool{number}", **how).array()
        for name, highlighter in models.items():
            how = {"seed": dither, "dtype": dtype, "label": f"{label} {name}"}
            single[name][number] = compared_maps.single_maps(highlighter, images, compared_maps.FAKES, **how).single
    return [Model({**run.names, "highlighter": name}, pools.pop(OF_REFERENCE), pools) for name, pools in single.items()]
