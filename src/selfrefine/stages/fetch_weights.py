"""Fetches a network's ImageNet weights and converts them once to safetensors with torchvision's names."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine import files, weights
from selfrefine.runtime import Job, main


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
    """Convolution weights `features.N.weight|bias`, float32."""

    weights: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Fetches the tensors from the first provider that has them, then writes them."""
    name = job.config.names["weights"]
    with job.scratch() as scratch:
        tensors = weights.fetch(name, job.config.providers, Path(job.config.folder), scratch)
        # No trace of the provider in the file: the same bytes wherever the weights came from.
        files.write_tensors(job.outputs.weights, tensors, {"weights": name})


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
