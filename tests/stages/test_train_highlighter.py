import os
import signal
from dataclasses import replace

import pandas as pd
import pytest
import torch

from selfrefine import files, highlighter
from selfrefine.errors import InputError
from selfrefine.runtime import Job
from selfrefine.stages import train_highlighter
from selfrefine.stages.train_highlighter import Config, Inputs, Outputs
from tests import tiny_highlighter

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
)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    for name, striped in (("real", False), ("fake", True)):
        files.write_array(folder / name, tiny_highlighter.images(20, 16, striped=striped))
    return Inputs(folder / "real", folder / "fake", tiny_highlighter.write_weights(folder / "weights"))


def job(inputs, folder, **changes):
    config = replace(CONFIG, **changes)
    return Job("train_highlighter", config, inputs, Outputs(folder / "highlighter.safetensors", folder / "loss.csv"))


@pytest.fixture(scope="module")
def unbroken(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    train_highlighter.run(job(inputs, folder))
    return folder


def test_it_leaves_a_highlighter_and_a_curve_and_no_scratch(unbroken):
    model = highlighter.load(unbroken / "highlighter.safetensors", torch.device("cpu"))
    assert (model.input_size, model.shortcut_guard) == (32, True)
    curve = pd.read_csv(unbroken / "loss.csv")
    assert list(curve.columns) == ["step", "loss", "accuracy"]
    assert curve["step"].tolist() == [1, 2, 3, 4, 5]
    assert curve["accuracy"].notna().tolist() == [False, True, False, True, True]
    assert {path.name for path in unbroken.rglob("*") if path.is_file()} == {"highlighter.safetensors", "loss.csv"}


def first_loss(folder):
    return pd.read_csv(folder / "loss.csv")["loss"][0]


@pytest.mark.parametrize("changes", [{"shuffle_labels": True}, {"draw": 1, "n_fakes": 10}, {"shortcut_guard": False}])
def test_each_row_is_another_highlighter(changes, inputs, unbroken, tmp_path):
    train_highlighter.run(job(inputs, tmp_path, steps=1, **changes))
    model = highlighter.load(tmp_path / "highlighter.safetensors", torch.device("cpu"))
    assert model.draw == changes.get("draw", 0)
    assert model.shortcut_guard is changes.get("shortcut_guard", True)
    assert first_loss(tmp_path) != first_loss(unbroken)


def test_a_draw_beyond_the_fakes_is_refused(inputs, tmp_path):
    with pytest.raises(InputError, match=r"generate_fakes.n_images gave 20 images; 40 needed"):
        train_highlighter.run(job(inputs, tmp_path, draw=1))


def kill_self(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def dies(run, module, name, calls):
    """Runs in a forked child that is killed at a call of `module.name`; returns the signal that ended it."""
    child = os.fork()
    if child == 0:
        original = getattr(module, name)
        left = iter(range(calls))
        setattr(module, name, lambda *a, **k: original(*a, **k) if next(left, None) is not None else kill_self())
        run()
        os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


# Between two updates after a checkpoint; while a checkpoint is renamed; while the result is.
@pytest.mark.parametrize(
    ("where", "name", "calls", "kept"),
    [
        ("HighlighterTrainer", "update", 3, "going on after step 2"),
        ("os", "replace", 1, "going on after step 2"),
        ("os", "replace", 2, "going on after step 4"),
    ],
)
def test_killed_and_started_again_it_ends_bit_equal(where, name, calls, kept, inputs, unbroken, tmp_path, capfd):
    module = {"HighlighterTrainer": train_highlighter.HighlighterTrainer, "os": os}[where]
    killed = job(inputs, tmp_path)
    assert dies(lambda: train_highlighter.run(killed), module, name, calls) == signal.SIGKILL
    assert not killed.outputs.highlighter.exists()
    train_highlighter.run(killed)
    assert kept in capfd.readouterr().out
    for file in ("highlighter.safetensors", "loss.csv"):
        assert (tmp_path / file).read_bytes() == (unbroken / file).read_bytes()
