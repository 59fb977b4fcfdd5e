"""Features of real or generated images, once per image set."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine import files, runtime
from selfrefine.errors import InputError
from selfrefine.metrics import features
from selfrefine.runtime import Job, main


@dataclass(frozen=True)
class Config:
    """See params.yaml, extract_features."""

    names: dict[str, str]
    device: str
    networks: tuple[str, ...]
    n_images: int
    batch_size: int


@dataclass(frozen=True)
class Inputs:
    """Packed images, and the weights of the feature networks, each in a folder of its name."""

    images: Path
    weights: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """One float32 (n_images, D) array per feature network, under its name."""

    features: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Extracts the features of the first n_images images in every network."""
    config = job.config
    images = files.read_images(job.inputs.images)
    if len(images) < config.n_images:
        raise InputError(
            f"{job.inputs.images} holds {len(images)} images, {config.n_images} needed in every row of a table; "
            "lower extract_features.n_images in params.yaml, or make more"
        )
    weights = {path.parent.name: path for path in job.inputs.weights}
    models = {name: features.extractor(name, weights) for name in config.networks}
    with runtime.device(config.device) as device:
        arrays = {
            name: features.extract(
                model,
                images[: config.n_images],
                batch_size=config.batch_size,
                device=device,
                label=f"{job.label} {name}",
            )
            for name, model in models.items()
        }
    files.write_arrays(job.outputs.features, arrays)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
