import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score

from selfrefine import files, gradcam, highlighter, pixels
from selfrefine.highlighter import FAKE, REAL
from selfrefine.highlighter_data import RealsAndFakes
from selfrefine.runtime import Job
from selfrefine.stages import evaluate_highlighter
from selfrefine.stages.evaluate_highlighter import Config, Inputs, Outputs
from tests import tiny_highlighter
from tests.tiny_highlighter import one_thread  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate_highlighter")
    images = tiny_highlighter.images(120, 16, striped=False)  # one kind, so that random weights cannot tell them apart
    files.write_array(folder / "real", images[:60])
    files.write_array(folder / "fake", images[60:])
    model = tiny_highlighter.highlighter()
    with torch.no_grad():
        model.head[3].bias[REAL] -= _median_gap(model, folder)  # else all images fall to one class
    model.save(folder / "model")
    config = Config({"dataset": "striped", "model": "ddpm", "seed": "0"}, "cpu", "float32", n_examples=3)
    inputs = Inputs(folder / "real", folder / "fake", folder / "model")
    job = Job("evaluate_highlighter", config, inputs, Outputs(folder / "metrics.csv", folder / "examples.npz"))
    evaluate_highlighter.run(job)
    return job


def data(folder):
    return RealsAndFakes(*(files.read_images(folder / name) for name in ("real", "fake")), seed=0)


def _median_gap(model, folder):
    test = data(folder).part("test")
    logits = highlighter.classify(model, test.images, test.streams, torch.float32)
    return (logits[:, REAL] - logits[:, FAKE]).median()


def test_scores_of_the_test_part_equal_scikit_learns(job):
    model = highlighter.load(job.inputs.highlighter, torch.device("cpu"))
    test = data(job.inputs.real.parent).part("test")
    p_real = highlighter.classify(model, test.images, test.streams, torch.float32).double().softmax(dim=1)[:, REAL]
    labels = test.labels.numpy()
    expected = {
        "accuracy": balanced_accuracy_score(labels, p_real > 0.5),
        "f1": f1_score(labels, p_real > 0.5),
        "roc_auc": roc_auc_score(labels, p_real),
    }
    table = pd.read_csv(job.outputs.metrics)
    assert dict(zip(table["metric"], table["value"], strict=True)) == pytest.approx(expected, rel=1e-8)
    assert 0.0 < expected["accuracy"] < 1.0
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()


def test_the_table_is_tidy(job):
    table = pd.read_csv(job.outputs.metrics)
    expected = [
        "dataset",
        "model",
        "variant",
        "seed",
        "metric",
        "value",
        "low",
        "high",
        "n_images",
        "network",
        "sha256",
    ]
    assert list(table.columns) == expected
    assert table["n_images"].tolist() == [12] * 3
    assert set(table["sha256"]) == {files.sha256(job.inputs.highlighter)}


def test_examples_are_the_first_fakes_of_the_test_part_with_their_maps(job):
    examples = files.read_arrays(job.outputs.examples)
    test = data(job.inputs.real.parent).part("test")
    fakes = (test.labels == FAKE).nonzero()[:3, 0].tolist()
    assert np.array_equal(examples["images"], test.images[fakes])
    assert examples["maps"].dtype == np.float32
    model = highlighter.load(job.inputs.highlighter, torch.device("cpu"))
    maps = gradcam.flaw_activation_maps(model, pixels.to_float(examples["images"]), [test.streams[i] for i in fakes])
    assert np.array_equal(examples["maps"], maps.numpy())


def test_it_says_the_same_twice(job, tmp_path):
    again = Job(job.name, job.config, job.inputs, Outputs(tmp_path / "metrics.csv", tmp_path / "examples.npz"))
    evaluate_highlighter.run(again)
    assert again.outputs.metrics.read_bytes() == job.outputs.metrics.read_bytes()
    assert again.outputs.examples.read_bytes() == job.outputs.examples.read_bytes()
