"""The maps that a study of fidelity compares: pools of images of a base model, each explained once (method 11.6).

Every pool has noise of its own, so that no candidate shares an image with the reference.
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
    """A finished base model and its highlighters.

    Args:
        names: dataset, model, seed.
        pipeline: diffusers folder of the EMA weights.
        highlighters: name -> file.
        captions: of text-to-image, the embedded captions and the row of each training image; an image of a pool has
            that of the training image with its number.
    """

    names: dict[str, str]
    pipeline: Path
    highlighters: Mapping[str, Path]
    captions: tuple[Path, ...] = ()


def pool_sizes(reference: Size, candidates: Sequence[Size], pool: int) -> dict[int, Size]:
    """Number of each pool -> its size: one for the reference, one for each number of steps."""
    return {OF_REFERENCE: reference} | {
        steps: Size(pool, steps) for steps in sorted({size.steps for size in candidates})
    }


def study(run: Run, sizes: Mapping[int, Size], scratch: Path, device: torch.device, dtype: torch.dtype) -> list[Model]:
    """Samples and explains the pools of a run.

    Args:
        run: what is looked at.
        sizes: from `pool_sizes`.
        scratch: a folder of this run; a killed study goes on with the images that lie there.
        device: to compute on.
        dtype: what the networks compute in.

    Returns:
        one model for each highlighter; the maps are at the training size, as those of a refresh.

    Raises:
        InputError: more steps than the model has timesteps.
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
        images = sampling.sample_images(  # as they would be stored, which is all that a highlighter sees
            pipeline.unet,
            schedule,
            scratch / f"pool{number}",
            label=label,
            seed=noise,
            purpose="fidelity",
            n_images=size.images,
            first_stage=autoencoder.of(pipeline),
            captions=prompts.read(pipeline.unet, run.captions),
            sampler="ddim",
            steps=size.steps,
            chunk_size=CHUNK,
            dtype=dtype,
        )
        for name, highlighter in models.items():
            how: dict[str, Any] = {"seed": dither, "dtype": dtype, "label": f"{label} {name}"}
            single[name][number] = compared_maps.single_maps(highlighter, images, compared_maps.FAKES, **how).single
    return [Model({**run.names, "highlighter": name}, pools.pop(OF_REFERENCE), pools) for name, pools in single.items()]
