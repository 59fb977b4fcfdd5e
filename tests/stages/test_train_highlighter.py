import signal
from dataclasses import replace
from functools import partial

import pandas as pd
import pytest
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.highlighter import model as highlighter_model
from selfrefine.stages import train_highlighter
from selfrefine.stages.train_highlighter import Config, Inputs, Outputs
from tests.support import tiny, tiny_highlighter
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
    noised=False,
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
    return Inputs(folder / "real", folder / "fake", tiny_highlighter.write_weights(folder / "weights"), ())


@pytest.fixture(scope="module")
def noisy_inputs(inputs, tmp_path_factory):
    """The same images, and a base model whose schedule makes them noisy."""
    base = tmp_path_factory.mktemp("base") / "pipeline"
    networks.save(tiny.tiny_pipeline(size=16), base)
    return replace(inputs, base=(base,))


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


NOISY = {"noised": True, "shortcut_guard": False}


def test_a_row_of_noisy_images_learns_other_images_and_says_so(inputs, noisy_inputs, unbroken, tmp_path):
    train_highlighter.run(job(noisy_inputs, tmp_path, steps=1, **NOISY))
    assert highlighter_model.load(tmp_path / "highlighter.safetensors", torch.device("cpu")).noised
    assert not highlighter_model.load(unbroken / "highlighter.safetensors", torch.device("cpu")).noised
    train_highlighter.run(job(inputs, tmp_path / "clean", steps=1, shortcut_guard=False))
    assert first_loss(tmp_path) != first_loss(tmp_path / "clean")


def test_its_batches_and_its_validation_are_noisy(noisy_inputs, tmp_path, monkeypatch):
    """What the network is given of a step and of the validation part is x_t, the latter the same at each look."""
    seen = []
    standardised = highlighter_model.Highlighter.standardised

    def watched(self, levels):
        seen.append(levels.clone())
        return standardised(self, levels)

    monkeypatch.setattr(highlighter_model.Highlighter, "standardised", watched)
    train_highlighter.run(job(noisy_inputs, tmp_path, steps=4, **NOISY))
    (first, second, look, _, _, again) = seen
    assert all((levels != levels.round()).any() for levels in seen), "nothing is rounded"
    assert torch.equal(look, again)
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"noised": True}, r"train_highlighter\.shortcut_guard is true; false needed where noised is true"),
        (NOISY, r"train_highlighter\.noised of highlighters\.flaw is true, and 0 base models are given; one is needed"),
    ],
)
def test_a_row_of_noisy_images_that_cannot_be_is_refused(changes, line, inputs, noisy_inputs, tmp_path):
    with pytest.raises(InputError, match=line):
        train_highlighter.run(job(noisy_inputs if changes is not NOISY else inputs, tmp_path, **changes))


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


def test_of_noisy_images_too(noisy_inputs, tmp_path):
    whole, killed = (job(noisy_inputs, tmp_path / name, **NOISY) for name in ("whole", "out"))
    train_highlighter.run(whole)
    assert run_job(killed, tmp_path / "log", partial(in_update, 4)).code == -signal.SIGKILL
    assert "going on after step 2" in run_job(killed, tmp_path / "log").out
    for file in ("highlighter.safetensors", "loss.csv"):
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
