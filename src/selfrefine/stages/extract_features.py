"""Features of images that are compared in one table: of a run's rows and the base at the fork, or of photographs."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from selfrefine.core import arrays as core_arrays
from selfrefine.core import devices, kept
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import Packed, as_trained
from selfrefine.core.names import FORK
from selfrefine.metrics import feature_sets, features


@dataclass(frozen=True)
class Config:
    """See params.yaml, extract_features; `variants` and `samplings` are the selected ones; photographs have none, and
    no seed among their names."""

    names: dict[str, str]
    device: str
    variants: tuple[str, ...]
    samplings: tuple[str, ...]
    networks: tuple[str, ...]
    n_images: int
    n_reference: int
    batch_size: int
    horizontal_flip: bool


@dataclass(frozen=True)
class Inputs:
    """Images of the variants, the samplings, the fork, or of the training and the test split; weights, each in a
    folder of its network's name."""

    images: tuple[Path, ...]
    weights: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """One float32 (n_images, D) array for each row and feature network, as `row/network`; of photos n_reference."""

    features: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Extracts the features of the first images of every row in every network."""
    config, inputs, is_real = job.config, job.inputs, "seed" not in job.config.names
    rows = feature_sets.REAL if is_real else (*config.variants, *config.samplings, FORK)
    images: dict[str, Packed] = {}
    for row, path in zip(rows, inputs.images, strict=True):
        whole = config.n_reference and is_real
        stored = core_arrays.read_images(path)[: config.n_reference] if whole else first_images(path, config.n_images)
        images[row] = as_trained(stored, config.horizontal_flip and is_real)
    weights = {path.parent.name: path for path in inputs.weights}
    models = {name: features.extractor(name, weights) for name in config.networks}
    extracted: dict[str, Path] = {}
    with job.scratch() as scratch, devices.device(config.device) as device:
        for row, pixels in images.items():
            for name, model in models.items():
                file, label = f"{row}.{name}.npy", f"{job.label} {row} {name}"
                if (done := kept.found(scratch, file)) is None:
                    found = features.extract(model, pixels, batch_size=config.batch_size, device=device, label=label)
                    done = kept.write(scratch, file, partial(core_arrays.fill_array, array=found))
                extracted[feature_sets.key(row, name)] = done
        arrays = {key: core_arrays.read_array(kept.checked(path)) for key, path in extracted.items()}
        core_arrays.write_arrays(job.outputs.features, arrays)


def first_images(path: Path, n: int) -> np.ndarray:
    """Images 0 ... n-1, memory-mapped.

    Raises:
        InputError: there are fewer.
    """
    images = core_arrays.read_images(path)
    if len(images) < n:
        raise InputError(
            f"{path} holds {len(images)} images, {n} needed in every row of a table; "
            "lower extract_features.n_images in params.yaml, or make more"
        )
    return images[:n]


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
