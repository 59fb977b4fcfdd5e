"""How well the highlighter tells real from generated images that it never saw, and a few of its maps."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch

from selfrefine import files, highlighter, pixels, runtime
from selfrefine.gradcam import flaw_activation_maps
from selfrefine.highlighter import FAKE, REAL, Highlighter
from selfrefine.highlighter_data import Batch, RealsAndFakes
from selfrefine.metrics import classification
from selfrefine.runtime import Job, main


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_highlighter."""

    names: dict[str, str]
    device: str
    precision: str
    n_examples: int


@dataclass(frozen=True)
class Inputs:
    """Training images, generated images, the highlighter that was trained on other parts of both."""

    real: Path
    fake: Path
    highlighter: Path


@dataclass(frozen=True)
class Outputs:
    """Tidy table of scores; generated test images with their flaw maps."""

    metrics: Path
    examples: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures the test part and maps its first fakes."""
    config, seed = job.config, int(job.config.names["seed"])
    data = RealsAndFakes(files.read_images(job.inputs.real), files.read_images(job.inputs.fake), seed)
    with runtime.device(config.device) as device:
        model = highlighter.load(job.inputs.highlighter, device)
        dtype = runtime.precision(config.precision, device)
        test = data.part("test")
        logits = highlighter.classify(model, test.images, test.streams, dtype)
        _write_examples(job, model, data.part("test"), dtype)
    p_real = logits.double().softmax(dim=1)[:, REAL].numpy()
    is_real = test.labels.numpy() == REAL
    names = {name: config.names[name] for name in ("dataset", "model")}
    rows = [
        {
            **names,
            "variant": "",
            "seed": seed,
            "metric": metric,
            **vars(estimate),
            "n_images": len(p_real),
            "network": "highlighter",
            "sha256": files.sha256(job.inputs.highlighter),
        }
        for metric, estimate in classification.measure(p_real[is_real], p_real[~is_real], seed).items()
    ]
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))


def _write_examples(job: Job[Config, Inputs, Outputs], model: Highlighter, test: Batch, dtype: torch.dtype) -> None:
    """Keeps the first fakes of the test part, never picked, with their flaw maps."""
    rows = (test.labels == FAKE).nonzero()[: job.config.n_examples, 0].tolist()
    images = test.images[rows]
    device = model.mean.device
    with runtime.autocast(device, dtype):
        maps = flaw_activation_maps(model, pixels.to_float(images).to(device), [test.streams[row] for row in rows])
    files.write_arrays(job.outputs.examples, {"images": images, "maps": maps.cpu().numpy()})


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
