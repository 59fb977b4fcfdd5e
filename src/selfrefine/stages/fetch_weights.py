"""Fetches the weights of a network that others trained, and converts them once to safetensors with their names."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.pretrained import given_transformers, imagenet_weights, inception_weights


@dataclass(frozen=True)
class Published:
    """weights.<name>.fetch_weights of weights whose sha256 stands in the code."""

    providers: tuple[str, ...]
    folder: str
    names: dict[str, str]


@dataclass(frozen=True)
class Given:
    """The same of weights that the user gives, with their sha256."""

    providers: tuple[str, ...]
    folder: str
    sha256: str
    names: dict[str, str]


Config = Published | Given


@dataclass(frozen=True)
class Inputs:
    """None: this stage begins the workflow."""


@dataclass(frozen=True)
class Outputs:
    """Weights, float32: of VGG16 and AlexNet the convolutions, `features.N.weight|bias`; of what the user gives all,
    with the settings."""

    weights: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Fetches the tensors from the first provider that has them, then writes them."""
    name, config = job.config.names["weights"], job.config
    sha256 = config.sha256 if isinstance(config, Given) else ""
    if name in given_transformers.KINDS:
        tensors, settings = given_transformers.fetch(name, config.providers, Path(config.folder), sha256)
        arrays.write_tensors(job.outputs.weights, tensors, {"weights": name, **settings})
        return
    if sha256:
        raise InputError(f"params.yaml: weights.{name}.fetch_weights.sha256 is in the code already; delete it here")
    with job.scratch() as scratch:
        fetch = inception_weights.fetch if name == inception_weights.NAME else partial(imagenet_weights.fetch, name)
        tensors = fetch(config.providers, Path(config.folder), scratch)
        # No trace of the provider in the file: the same bytes wherever the weights came from.
        arrays.write_tensors(job.outputs.weights, tensors, {"weights": name})


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
