"""All figures of generated images: every variant of one base model, the base at the fork, and the floor."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from selfrefine import files
from selfrefine.config import FORK
from selfrefine.errors import InputError
from selfrefine.metrics import feature_sets, generation
from selfrefine.metrics.generation import ImageSet, RealImages
from selfrefine.metrics.intervals import Estimate
from selfrefine.runtime import Job, main
from selfrefine.tables import FLOOR, LOG_DIFFERENCE


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_generation; `variants` are the selected ones, in the order of the features."""

    names: dict[str, str]
    variants: tuple[str, ...]
    reference: str
    neighbours: int


@dataclass(frozen=True)
class Inputs:
    """Features: of each variant, of the base at the fork, of real images."""

    features: tuple[Path, ...]
    fork: Path
    train: Path
    test: Path


@dataclass(frozen=True)
class Outputs:
    """Tidy table: one line per variant, feature network and metric."""

    metrics: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures every set of features in every feature space."""
    config, inputs = job.config, job.inputs
    if config.reference not in config.variants:
        raise InputError(
            f"params.yaml: shared.reference is {config.reference!r}, "
            f"but select.variants has only {', '.join(config.variants)}"
        )
    samples = {**dict(zip(config.variants, inputs.features, strict=True)), FORK: inputs.fork}
    paths = {**samples, FLOOR: inputs.train}
    features = {path: feature_sets.read(path) for path in (inputs.test, *paths.values())}
    feature_sets.check_comparable(features, config.neighbours)
    names = {"dataset": config.names["dataset"], "model": config.names["model"]}
    sums = {variant: files.sha256(path) for variant, path in paths.items()}
    rows = []
    for network, array in features[inputs.test].items():
        sets = {path: ImageSet(spaces[network], config.neighbours) for path, spaces in features.items()}
        real = RealImages(train=sets[inputs.train], test=sets[inputs.test])
        sampled = {variant: sets[path] for variant, path in samples.items()}
        rows += [
            {
                **names,
                "variant": variant,
                "seed": int(config.names["seed"]),
                "metric": metric,
                **vars(estimate),
                "n_images": len(array),
                "network": network,
                "sha256": sums[variant],
            }
            for variant, metric, estimate in _estimates(sampled, real, config.reference)
        ]
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))


def _estimates(sampled: dict[str, ImageSet], real: RealImages, reference: str) -> Iterator[tuple[str, str, Estimate]]:
    """Yields (variant, metric, estimate) in one feature space."""
    for variant, sample in sampled.items():
        for metric, estimate in generation.measure(sample, real).items():
            yield variant, metric, estimate
        if variant != reference:
            yield variant, LOG_DIFFERENCE, generation.log_difference(sample, sampled[reference], real.test)
    for metric, estimate in generation.compare(real.train, real.test).items():
        yield FLOOR, metric, estimate


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
