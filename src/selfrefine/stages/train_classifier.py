"""Trains a classifier of a data set's real images, and tells how often it is right on its test images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selfrefine.core import arrays, devices, files
from selfrefine.core.errors import DamagedError
from selfrefine.core.job import Job, main
from selfrefine.metrics import intervals, prompt_classifier
from selfrefine.training import classifier as training_classifier
from selfrefine.training.classifier import ClassifierTrainer, Settings


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """See params.yaml, train_classifier."""

    names: dict[str, str]
    device: str
    precision: str


@dataclass(frozen=True)
class Inputs:
    """Images and labels of both splits."""

    train_images: Path
    train_items: Path
    test_images: Path
    test_items: Path


@dataclass(frozen=True)
class Outputs:
    """The classifier; the share of test images that it gives their own label."""

    classifier: Path
    metrics: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains `steps` updates and measures."""
    config, inputs = job.config, job.inputs
    images, labels = labelled(inputs.train_images, inputs.train_items)
    test, truth = labelled(inputs.test_images, inputs.test_items)
    with job.scratch() as scratch, devices.device(config.device) as device:
        model = training_classifier.initial_classifier(labels, images.shape[1], config.draw).to(device)
        dtype = devices.precision(config.precision, device)
        ClassifierTrainer(model, images, labels, config, dtype).run(scratch, job.label)
        right = float(np.mean(prompt_classifier.predict(model, test, config.batch_size) == truth))
        found = {"dataset": config.names["dataset"], "metric": "accuracy"}
        found |= vars(intervals.share_interval(right, len(test))) | {"n_images": len(test)}
        files.write_table(job.outputs.metrics, pd.DataFrame([found]))
        model.save(job.outputs.classifier)


def labelled(images: Path, items: Path) -> tuple[np.ndarray, np.ndarray]:
    """Packed images, (N, H, W, 3) uint8, and their labels, (N,) int64.

    Raises:
        InputError: not as many labels as images.
    """
    packed, labels = arrays.read_images(images), files.read_table(items)["label"].to_numpy(np.int64)
    if len(packed) != len(labels):
        raise DamagedError(items, f"{len(labels)} labels, {len(packed)} images")
    return packed, labels


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
