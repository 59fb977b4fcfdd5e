import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.stages import train_base
from tests.support import tiny
from tests.support.tiny import bytes_below

WEIGHTS = "pipeline/unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny.write_images(tmp_path_factory.mktemp("images") / "images.npy")


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train_base.run(tiny.base_job(images, folder))
    return folder


def run(images, folder, **changes):
    train_base.run(tiny.base_job(images, folder, **changes))
    return bytes_below(folder)


def test_the_pipeline_holds_the_moving_average_of_the_state(trained):
    exported = load_file(trained / WEIGHTS)
    tensors, _ = arrays.read_tensors(trained / "state.safetensors")
    average = {name.removeprefix("ema/"): value for name, value in tensors.items() if name.startswith("ema/")}
    assert exported.keys() == average.keys()
    assert all(torch.equal(exported[name], value) for name, value in average.items())
    assert any(not torch.equal(tensors[f"weights/{name}"], value) for name, value in average.items())


def test_the_state_tells_step_and_settings(trained):
    _, metadata = arrays.read_tensors(trained / "state.safetensors")
    assert metadata == {"step": tiny.STEPS, "settings": vars(tiny.tiny_settings()) | {"betas": [0.9, 0.999]}}


def test_the_state_holds_the_moments_of_every_weight(trained):
    tensors, _ = arrays.read_tensors(trained / "state.safetensors")
    groups = {name.split("/")[0] for name in tensors}
    names = {group: {name.split("/", 1)[1] for name in tensors if name.startswith(f"{group}/")} for group in groups}
    assert groups == {"weights", "ema", "step", "exp_avg", "exp_avg_sq"}
    assert len(set(map(frozenset, names.values()))) == 1
    assert {float(tensors[f"step/{name}"]) for name in names["step"]} == {float(tiny.STEPS)}


def test_the_curve_has_a_row_at_every_log_and_checkpoint_and_the_scheduled_rates(trained):
    curve = pd.read_csv(trained / "loss.csv")
    assert list(curve.columns) == ["step", "loss", "learning_rate"]
    assert curve["step"].tolist() == [2, 3, 4, 6, 8, 9, 10, 12]
    # rises over 4 steps to 0.01, times 0.3 after 70 % of 12 steps; a row tells the rate of its last update
    assert curve["learning_rate"].tolist() == pytest.approx([0.005, 0.0075, *[0.01] * 4, *[0.003] * 2])


def test_the_pipeline_tells_network_and_schedule(trained):
    network = json.loads((trained / "pipeline" / "unet" / "config.json").read_text())
    schedule = json.loads((trained / "pipeline" / "scheduler" / "scheduler_config.json").read_text())
    assert (network["sample_size"], network["in_channels"], network["block_out_channels"]) == (8, 3, [8, 8])
    assert network["down_block_types"] == ["DownBlock2D", "AttnDownBlock2D"]
    assert network["up_block_types"] == ["AttnUpBlock2D", "UpBlock2D"]
    assert (schedule["num_train_timesteps"], schedule["beta_schedule"]) == (tiny.TIMESTEPS, "linear")
    assert (schedule["beta_start"], schedule["beta_end"], schedule["variance_type"]) == (0.0001, 0.02, "fixed_large")


def test_the_same_job_gives_the_same_bytes_and_another_seed_others(images, trained, tmp_path):
    assert run(images, tmp_path / "again") == bytes_below(trained)
    other = run(images, tmp_path / "other", names=tiny.NAMES | {"seed": "1"})
    assert other[WEIGHTS] != bytes_below(trained)[WEIGHTS]


def test_checkpoints_and_logging_do_not_change_the_model(images, trained, tmp_path):
    rarely = run(images, tmp_path, checkpoint_every=1000, log_every=1000)
    assert rarely["state.safetensors"] == bytes_below(trained)["state.safetensors"]
    assert pd.read_csv(tmp_path / "loss.csv")["step"].tolist() == [tiny.STEPS]


def test_it_learns(images, tmp_path):
    run(images, tmp_path, steps=120, checkpoint_every=1000, log_every=20, batch_size=16, decay_at=1.0)
    losses = pd.read_csv(tmp_path / "loss.csv")["loss"].to_numpy()
    assert losses[0] > 0.9  # a network that predicts no noise has a loss of 1
    assert losses[-1] < 0.7


def test_a_grey_data_set_trains_a_network_of_one_channel(tmp_path):
    grey = tiny.tiny_images()[..., :1].repeat(3, axis=3)
    arrays.write_array(tmp_path / "grey.npy", np.ascontiguousarray(grey))
    run(tmp_path / "grey.npy", tmp_path / "out", network=tiny.NETWORK | {"channels": 1})
    assert load_file(tmp_path / "out" / WEIGHTS)["conv_in.weight"].shape == (8, 1, 3, 3)
    assert load_file(tmp_path / "out" / WEIGHTS)["conv_out.weight"].shape == (1, 8, 3, 3)


def test_scratch_is_gone_at_the_end(trained):
    assert not [path for path in trained.rglob("*") if path.is_file() and ".scratch" in path.parts]


def test_training_begins_with_given_weights(images, trained, tmp_path):
    """Of no learning rate nothing but these is left; those of another network are refused in one line."""
    given = (trained / "pipeline/unet/config.json", trained / WEIGHTS)
    job = tiny.base_job(images, tmp_path / "same", steps=1, learning_rate=1e-30)
    train_base.run(dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, pretrained=given)))
    exported, start = load_file(tmp_path / "same" / WEIGHTS), load_file(trained / WEIGHTS)
    assert all(torch.equal(exported[name], value) for name, value in start.items())
    wider = tiny.base_job(images, tmp_path / "wider", network=tiny.NETWORK | {"block_out_channels": [8, 16]})
    with pytest.raises(InputError, match=r"is \(8,.*train_base.network it is \(16,.*edit train_base.pretrained"):
        train_base.run(dataclasses.replace(wider, inputs=dataclasses.replace(wider.inputs, pretrained=given)))
