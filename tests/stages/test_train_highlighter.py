import signal
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.highlighter import model as highlighter_model
from selfrefine.stages import train_highlighter
from selfrefine.stages.train_highlighter import Config, Inputs, Outputs
from tests.support import tiny_highlighter
from tests.support.children import before_rename, in_update, run_job

CONFIG = Config(
    names={"dataset": "striped", "model": "ddpm", "highlighter": "flaw", "seed": "0"},
    device="cpu",
    precision="float32",
    input_size=32,
    steps=5,
    batch_size=2,
    learning_rate=1e-3,
    weight_decay=0.01,
    validate_every=2,
    shortcut_guard=True,
    shuffle_labels=False,
    draw=0,
    n_fakes=20,
    horizontal_flip=False,
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    for name, striped in (("real", False), ("fake", True)):
        arrays.write_array(folder / name, tiny_highlighter.images(20, 16, striped=striped))
    return Inputs(folder / "real", folder / "fake", tiny_highlighter.write_weights(folder / "weights"))


def job(inputs, folder, **changes):
    config = replace(CONFIG, **changes)
    return Job("train_highlighter", config, inputs, Outputs(folder / "highlighter.safetensors", folder / "loss.csv"))


@pytest.fixture(scope="module")
def unbroken(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    ended = run_job(job(inputs, folder), tmp_path_factory.mktemp("log"))
    assert ended.code == 0, ended.err
    return folder


def test_it_leaves_a_highlighter_and_a_curve_and_no_scratch(unbroken):
    model = highlighter_model.load(unbroken / "highlighter.safetensors", torch.device("cpu"))
    assert (model.input_size, model.shortcut_guard) == (32, True)
    curve = pd.read_csv(unbroken / "loss.csv")
    assert list(curve.columns) == ["step", "loss", "accuracy"]
    assert curve["step"].tolist() == [1, 2, 3, 4, 5]
    assert curve["accuracy"].notna().tolist() == [False, True, False, True, True]
    assert {path.name for path in unbroken.rglob("*") if path.is_file()} == {"highlighter.safetensors", "loss.csv"}


def first_loss(folder):
    return pd.read_csv(folder / "loss.csv")["loss"][0]


@pytest.mark.parametrize(
    "changes",
    [{"shuffle_labels": True}, {"draw": 1, "n_fakes": 10}, {"shortcut_guard": False}, {"horizontal_flip": True}],
)
def test_each_row_is_another_highlighter(changes, inputs, unbroken, tmp_path):
    train_highlighter.run(job(inputs, tmp_path, steps=1, **changes))
    model = highlighter_model.load(tmp_path / "highlighter.safetensors", torch.device("cpu"))
    assert model.draw == changes.get("draw", 0)
    assert model.shortcut_guard is changes.get("shortcut_guard", True)
    assert first_loss(tmp_path) != first_loss(unbroken)


def test_a_draw_beyond_the_fakes_is_refused(inputs, tmp_path):
    with pytest.raises(InputError, match=r"generate_fakes.n_images gave 20 images; 40 needed"):
        train_highlighter.run(job(inputs, tmp_path, draw=1))


# In an update after a checkpoint; before a checkpoint is renamed; before the result is.
@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        (partial(in_update, 4), "going on after step 2"),
        (partial(before_rename, 2), "going on after step 2"),
        (partial(before_rename, 3), "going on after step 4"),
    ],
)
def test_killed_and_started_again_it_ends_bit_equal(fault, kept, inputs, unbroken, tmp_path):
    killed, log = job(inputs, tmp_path / "out"), tmp_path / "log"
    assert run_job(killed, log, fault).code == -signal.SIGKILL
    assert not killed.outputs.highlighter.exists()
    assert kept in run_job(killed, log).out
    for file in ("highlighter.safetensors", "loss.csv"):
        assert (tmp_path / "out" / file).read_bytes() == (unbroken / file).read_bytes()
