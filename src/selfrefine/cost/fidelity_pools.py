"""The maps that a study of fidelity compares: pools of images of a base model, each explained once (method 11.6).

Every pool has noise of its own, so that no candidate shares an image with the reference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import arrays, random_streams
from selfrefine.core.errors import InputError
from selfrefine.cost.refresh_fidelity import Model, Size
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, sampling
from selfrefine.evidence import compared_maps
from selfrefine.guidance.map_refresh import CHUNK
from selfrefine.highlighter import model

OF_REFERENCE = 0  # number of its pool; that of a candidate is its steps


@dataclass(frozen=True)
class Run:
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

    @property
    def label(self) -> str:
        """In words."""
        return f"fidelity {self.names['dataset']} {self.names['model']} seed{self.names['seed']}"


def pool_seed(seed: int, pool: int, dither: bool) -> int:
    """The seed of a pool's noise, or of the dither of its images: no two share a stream."""
    return random_streams.stream_seed(seed, "fidelity", 2 * pool + dither)


def pool_sizes(reference: Size, candidates: Sequence[Size], pool: int) -> dict[int, Size]:
    """Number of each pool -> its size: one for the reference, one for each number of steps."""
    steps = sorted({candidate.steps for candidate in candidates})
    return {OF_REFERENCE: reference} | {count: Size(count, pool) for count in steps}


def study(run: Run, sizes: Mapping[int, Size], scratch: Path, device: torch.device, dtype: torch.dtype) -> list[Model]:
    """Samples and explains the pools of a run, or takes those that lie finished in `scratch`.

    Args:
        run: what is looked at.
        sizes: from `pool_sizes`.
        scratch: a folder of this run; a killed study goes on in it.
        device: to compute on.
        dtype: what the networks compute in.

    Returns:
        one model for each highlighter; the maps are at the training size, as those of a refresh.

    Raises:
        InputError: more steps than the model has timesteps.
    """
    pipeline = networks.load(run.pipeline, device)
    longest, timesteps = max(size.steps for size in sizes.values()), len(noise_schedule.of(pipeline).alphas_cumprod)
    if longest > timesteps:
        raise InputError(f"{run.pipeline}: {longest} steps asked for, but the model has {timesteps} timesteps")
    models = {name: model.load(path, device) for name, path in run.highlighters.items()}
    single: dict[str, dict[int, np.ndarray]] = {name: {} for name in models}
    for number, size in sizes.items():
        folder = scratch / f"pool{number}"
        missing = [name for name in models if not (folder / f"{name}.npy").is_file()]
        images = _sampled(pipeline, run, number, size, folder, dtype) if missing else np.empty(0)
        for name in missing:
            dither = pool_seed(int(run.names["seed"]), number, dither=True)
            label = f"{run.label} {size} {name}"
            found = compared_maps.single_maps(
                models[name], images, compared_maps.FAKES, seed=dither, dtype=dtype, label=label
            )
            arrays.write_array(folder / f"{name}.npy", found.single)
        for name in models:
            single[name][number] = arrays.read_array(folder / f"{name}.npy")
    return [Model({**run.names, "highlighter": name}, pools.pop(OF_REFERENCE), pools) for name, pools in single.items()]


def _sampled(
    pipeline: networks.Pipeline, run: Run, number: int, size: Size, folder: Path, dtype: torch.dtype
) -> np.ndarray:
    """The images of a pool, as they would be stored: (n, H, W, 3) uint8, which is all that a highlighter sees."""
    settings: dict[str, Any] = {"sampler": "ddim", "steps": size.steps, "chunk_size": CHUNK, "dtype": dtype}
    return sampling.sample_images(
        pipeline.unet,
        noise_schedule.of(pipeline),
        folder,
        label=f"{run.label} {size}",
        seed=pool_seed(int(run.names["seed"]), number, dither=False),
        purpose="fidelity",
        n_images=size.images,
        first_stage=autoencoder.of(pipeline),
        captions=prompts.read(pipeline.unet, run.captions),
        **settings,
    )
