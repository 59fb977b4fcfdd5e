"""All figures of generated images: every variant and sampling of one base model, the base at the fork, the floor."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.names import FLOOR, FORK, LOG_DIFFERENCE, TO_TRAIN
from selfrefine.metrics import feature_sets, generation
from selfrefine.metrics.feature_sets import TEST, TRAIN
from selfrefine.metrics.generation import ImageSet, RealImages
from selfrefine.metrics.intervals import Estimate


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_generation; `variants` and `samplings` are the selected ones."""

    names: dict[str, str]
    variants: tuple[str, ...]
    samplings: tuple[str, ...]
    reference: str
    neighbours: int


@dataclass(frozen=True)
class Inputs:
    """Features of every row, and of real images."""

    features: Path
    real: Path


@dataclass(frozen=True)
class Outputs:
    """Tidy table: one line per row, feature network and metric."""

    metrics: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures every row in every feature space."""
    config = job.config
    if config.reference not in config.variants:
        raise InputError(
            f"params.yaml: shared.reference is {config.reference!r}, "
            f"but select.variants has only {', '.join(config.variants)}"
        )
    rows = (*config.variants, *config.samplings, FORK)
    spaces = feature_sets.read(tuple(vars(job.inputs).values()), (*rows, TRAIN, TEST), config.neighbours)
    sums = {row: feature_sets.digest(arrays[row] for arrays in spaces.values()) for row in (*rows, TRAIN)}
    lines = [
        {
            "dataset": config.names["dataset"],
            "model": config.names["model"],
            "variant": row,
            "seed": int(config.names["seed"]),
            "metric": metric,
            **vars(estimate),
            "n_images": len(_floor(arrays) if row == FLOOR else arrays[row]),
            "n_reference": _n_reference(metric, arrays),
            "n_features": arrays[FORK].shape[1],
            "network": network,
            "sha256": sums[TRAIN if row == FLOOR else row],
        }
        for network, arrays in spaces.items()
        for row, metric, estimate in _estimates(arrays, rows, config)
    ]
    files.write_table(job.outputs.metrics, pd.DataFrame(lines))


def _estimates(
    arrays: Mapping[str, np.ndarray], rows: tuple[str, ...], config: Config
) -> Iterator[tuple[str, str, Estimate]]:
    """Yields (row, metric, estimate) in one feature space; of the samples, only one and the reference are in memory."""

    def image_set(row: str) -> ImageSet:
        return ImageSet(arrays[row].astype(np.float64), config.neighbours)

    real = RealImages(train=image_set(TRAIN), test=image_set(TEST))
    reference = image_set(config.reference)
    for row in rows:
        sample = reference if row == config.reference else image_set(row)
        for metric, estimate in generation.measure(sample, real).items():
            yield row, metric, estimate
        if row != config.reference:
            yield row, LOG_DIFFERENCE, generation.log_difference(sample, reference, real.test)
    floor = ImageSet(_floor(arrays).astype(np.float64), config.neighbours)
    for metric, estimate in generation.compare(floor, real.test).items():
        yield FLOOR, metric, estimate


def _n_reference(metric: str, arrays: Mapping[str, np.ndarray]) -> int:
    """How many photographs a figure is taken to."""
    train, test, sample = len(arrays[TRAIN]), len(arrays[TEST]), len(arrays[FORK])
    others = {
        TO_TRAIN: train,
        "nearest_in_train": 2 * min(train, test),
        "clipped_coverage": min(sample, test),
    }
    return others.get(metric, test)


def _floor(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """As many training images as every sample has, if there are so many."""
    return arrays[TRAIN][: len(arrays[FORK])]


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
