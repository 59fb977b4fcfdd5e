"""Fetches a text encoder that others trained, and saves it once as transformers does."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine.core.job import Job, main
from selfrefine.pretrained import text_encoder, text_encoder_sources


@dataclass(frozen=True)
class Config:
    """text_encoders.<name>.fetch_text_encoder."""

    providers: tuple[str, ...]
    folder: str
    names: dict[str, str]


@dataclass(frozen=True)
class Inputs:
    """None: this stage begins the workflow."""


@dataclass(frozen=True)
class Outputs:
    """A sealed folder of transformers: model, float32 safetensors, and tokenizer."""

    text_encoder: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Fetches model and tokenizer from the first provider that has them, then saves them."""
    config = job.config
    with job.scratch() as scratch:
        name = config.names["text_encoder"]
        model, tokenizer = text_encoder_sources.fetch(name, config.providers, Path(config.folder), scratch)
        text_encoder.save(model, tokenizer, job.outputs.text_encoder)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
