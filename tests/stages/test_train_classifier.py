"""Labelled images in; a classifier and its accuracy on the test split out, the same after a kill."""

import signal
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.metrics import intervals, prompt_classifier
from selfrefine.stages import train_classifier
from selfrefine.stages.train_classifier import Config, Inputs, Outputs
from tests.support import tiny
from tests.support.children import in_update, run_job
from tests.support.tiny_garments import garments

CONFIG = Config(
    names={"dataset": "shapes"},
    device="cpu",
    precision="float32",
    steps=12,
    batch_size=16,
    learning_rate=0.01,
    weight_decay=0.01,
    checkpoint_every=5,
    draw=0,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    paths = []
    for seed, (split, count) in enumerate({"train": 80, "test": 30}.items()):
        images, labels = garments(count, seed=seed)
        arrays.write_array(folder / f"{split}.npy", images)
        files.write_table(folder / f"{split}.csv", pd.DataFrame({"label": labels, "caption": "a garment"}))
        paths += [folder / f"{split}.npy", folder / f"{split}.csv"]
    return Inputs(*paths)


def job(inputs, folder, **changes):
    outputs = Outputs(folder / "classifier.safetensors", folder / "metrics.csv")
    return Job("train_classifier", replace(CONFIG, **changes), inputs, outputs)


@pytest.fixture(scope="module")
def unbroken(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    ended = run_job(job(inputs, folder), tmp_path_factory.mktemp("log"))
    assert ended.code == 0, ended.err
    return folder


def test_the_accuracy_is_that_of_the_file_on_the_test_images(inputs, unbroken):
    (line,) = files.read_table(unbroken / "metrics.csv").to_dict("records")
    model = prompt_classifier.load(unbroken / "classifier.safetensors", torch.device("cpu"))
    images, labels = garments(30, seed=1)
    right = np.mean(prompt_classifier.predict(model, images, 30) == labels)
    expected = intervals.share_interval(float(right), 30)
    assert line == {"dataset": "shapes", "metric": "accuracy", "n_images": 30} | {
        name: pytest.approx(value) for name, value in vars(expected).items()
    }
    assert right > 0.6
    assert set(tiny.bytes_below(unbroken)) == {"classifier.safetensors", "metrics.csv"}


def test_killed_and_started_again_it_ends_bit_equal(inputs, unbroken, tmp_path):
    killed, log = job(inputs, tmp_path / "out"), tmp_path / "log"
    assert run_job(killed, log, partial(in_update, 8)).code == -signal.SIGKILL
    assert not killed.outputs.classifier.exists()
    assert "going on after step 5" in run_job(killed, log).out
    assert tiny.bytes_below(tmp_path / "out") == tiny.bytes_below(unbroken)


def test_another_draw_is_another_classifier(inputs, unbroken, tmp_path):
    train_classifier.run(job(inputs, tmp_path, draw=1))
    name = "classifier.safetensors"
    assert (tmp_path / name).read_bytes() != (unbroken / name).read_bytes()


def test_labels_of_other_images_are_refused(inputs, tmp_path):
    with pytest.raises(InputError, match=r"test\.csv: 30 labels, 80 images"):
        train_classifier.run(job(replace(inputs, train_items=inputs.test_items), tmp_path))
