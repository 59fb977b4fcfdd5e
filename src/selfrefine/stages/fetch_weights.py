"""Fetches the weights of a network that others trained, and converts them once to safetensors with their names."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfrefine.core import arrays
from selfrefine.core.job import Job, main
from selfrefine.pretrained import imagenet_weights, inception_weights


@dataclass(frozen=True)
class Config:
    """weights.<name>.fetch_weights."""

    providers: tuple[str, ...]
    folder: str
    names: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """None: this stage begins the workflow."""


@dataclass(frozen=True)
class Outputs:
    """Weights: of VGG16 and AlexNet the convolutions, `features.N.weight|bias`, float32."""

    weights: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Fetches the tensors from the first provider that has them, then writes them."""
    name = job.config.names["weights"]
    with job.scratch() as scratch:
        fetch = inception_weights.fetch if name == inception_weights.NAME else partial(imagenet_weights.fetch, name)
        tensors = fetch(job.config.providers, Path(job.config.folder), scratch)
        # No trace of the provider in the file: the same bytes wherever the weights came from.
        arrays.write_tensors(job.outputs.weights, tensors, {"weights": name})


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
