"""Embeddings of the distinct captions of both splits, once for every job that reads captions."""

from dataclasses import dataclass
from pathlib import Path

from selfrefine.core import arrays, devices, files
from selfrefine.core.job import Job, main
from selfrefine.pretrained import text_encoder


@dataclass(frozen=True)
class Config:
    """See params.yaml, encode_captions."""

    names: dict[str, str]
    device: str
    text_encoder: str
    tokens: int
    chunk_size: int


@dataclass(frozen=True)
class Inputs:
    """What is known of the images of each split, a sealed folder of transformers."""

    train_items: Path
    test_items: Path
    text_encoder: Path


@dataclass(frozen=True)
class Outputs:
    """Embeddings of the distinct captions, (U, tokens, D) float16, "" the first; the row of each image, (N,) int64."""

    embeddings: Path
    train_rows: Path
    test_rows: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Embeds all captions; in float32, since it happens once."""
    config, inputs, outputs = job.config, job.inputs, job.outputs
    train, test = (
        files.read_table(path, words=("caption",))["caption"].tolist()
        for path in (inputs.train_items, inputs.test_items)
    )
    captions = text_encoder.distinct(train, test)
    with job.scratch() as scratch, devices.device(config.device) as device:
        encoder = text_encoder.load(inputs.text_encoder, config.tokens)
        cut = encoder.too_long(captions)
        print(f"{job.label}: {len(captions)} distinct captions, {cut} cut after {config.tokens} tokens", flush=True)
        encoder.model.to(device)
        parts = text_encoder.encode(encoder, captions, scratch, label=job.label, chunk_size=config.chunk_size)
        arrays.join(outputs.embeddings, parts, len(captions))
    arrays.write_array(outputs.train_rows, text_encoder.rows(train, captions))
    arrays.write_array(outputs.test_rows, text_encoder.rows(test, captions))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
