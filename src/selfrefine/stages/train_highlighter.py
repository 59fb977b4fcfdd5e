"""Trains the highlighter to tell the training images from images that the base model generates."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from selfrefine.core import arrays, devices, files
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import as_trained
from selfrefine.guidance import noisy_images
from selfrefine.highlighter.data import RealsAndFakes, fakes_of_draw
from selfrefine.highlighter.model import stored
from selfrefine.highlighter.training import HighlighterTrainer, Settings, initial_highlighter


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """See params.yaml, train_highlighter."""

    names: dict[str, str]
    device: str
    precision: str
    input_size: int
    shortcut_guard: bool
    noised: bool
    shuffle_labels: bool
    draw: int
    n_fakes: int
    horizontal_flip: bool


@dataclass(frozen=True)
class Inputs:
    """Training images, generated images, VGG16's ImageNet weights; for noisy images the base model's folder."""

    real: Path
    fake: Path
    weights: Path
    base: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """The best highlighter on the validation part, and its curves."""

    highlighter: Path
    loss: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains `steps` updates and keeps the best state."""
    config, seed = job.config, int(job.config.names["seed"])
    fakes = fakes_of_draw(arrays.read_images(job.inputs.fake), config.draw, config.n_fakes)
    reals = as_trained(arrays.read_images(job.inputs.real), config.horizontal_flip)
    data = RealsAndFakes(reals, fakes, seed, config.draw, config.shuffle_labels)
    with job.scratch() as scratch, devices.device(config.device) as device:
        read = noisy_images.reader(job.inputs.base, config.names["highlighter"]) if config.noised else stored
        model = initial_highlighter(
            config.input_size, config.shortcut_guard, job.inputs.weights, seed, config.draw, config.noised
        )
        trainer = HighlighterTrainer(model.to(device), data, config, devices.precision(config.precision, device), read)
        trainer.run(scratch, job.label)
        model.save(job.outputs.highlighter)
        files.write_table(job.outputs.loss, pd.DataFrame(trainer.log, columns=["step", "loss", "accuracy"]))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
