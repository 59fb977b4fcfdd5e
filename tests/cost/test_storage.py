"""Bytes on the disk, against files that the library writes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from selfrefine.core import arrays
from selfrefine.cost import flops, loads, storage, work
from selfrefine.cost.planned_jobs import Planned
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params
from tests.support import tiny

ROOT = Path(__file__).parents[2]
NAMES = {"dataset": "fashion_mnist", "model": "ddpm", "seed": "0"}
NETWORK = tiny.NETWORK | {"channels": 1}
TINY = job_config.merge(
    read_params(ROOT, "smoke")[0],
    {
        "datasets": {"fashion_mnist": {"prepare_data": {"size": tiny.SIZE}}},
        "models": {"ddpm": {"train_base": {"network": NETWORK, "diffusion": tiny.DIFFUSION}}},
    },
)


def disk(stage, **names):
    return storage.disk(TINY, Planned(stage, tuple((NAMES | names).items())))


def test_images_take_three_bytes_a_pixel(tmp_path):
    arrays.write_array(tmp_path / "images.npy", np.zeros((64, tiny.SIZE, tiny.SIZE, 3), np.uint8))
    assert disk("generate_samples", variant="both") == (tmp_path / "images.npy").stat().st_size - 128  # NumPy's head


def test_a_base_model_is_its_weights_and_its_training_state(tmp_path):
    trainer = tiny.tiny_trainer(network={"channels": 1})
    trainer.update()
    arrays.write_tensors(tmp_path / "state.safetensors", trainer.tensors(), {})
    weights = sum(parameter.numel() * 4 for parameter in trainer.network.parameters())
    state = (tmp_path / "state.safetensors").stat().st_size
    names_and_places = 200 * len(trainer.tensors())
    assert 0 <= weights + state - disk("train_base") <= names_and_places


def test_a_refinement_keeps_two_maps_of_every_refresh():
    maps = 2 * 2 * 4 * tiny.SIZE**2  # two refreshes, float32
    assert disk("train_refined", variant="both") - disk("train_refined", variant="baseline") == maps


def test_features_are_float32_of_every_row():
    assert disk("extract_features") == 6 * 64 * (512 + 256) * 4


def test_tables_are_not_counted():
    assert disk("make_tables") == 0


def test_memory_is_that_of_the_largest_load():
    params, job = TINY, Planned("train_refined", tuple((NAMES | {"variant": "both"}).items()))
    given = work.of_job(params, job)
    each = [storage.memory([load], torch.float32) for load in given]
    assert storage.memory(given, torch.float32) == max(each)
    assert storage.memory([], torch.float32) == 0


@pytest.mark.parametrize(("kind", "copies"), [("train", 5), ("evaluate", 1), ("measure", 1)])
def test_training_holds_weights_gradients_ema_and_two_moments(kind, copies):
    (load,) = work.of_job(TINY, Planned("train_base", tuple(NAMES.items())))
    one, two = (storage.memory([loads.Load(kind, load.network, batch, 1)], torch.float32) for batch in (1, 2))
    assert 2 * one - two == 4 * copies * flops.count(load.network).parameters, "what does not grow with the batch"


def test_half_precision_halves_a_batch_but_not_what_measures():
    (load,) = work.of_job(TINY, Planned("train_base", tuple(NAMES.items())))

    def batch(kind, dtype):
        one, two = (storage.memory([work.Load(kind, load.network, size, 1)], dtype) for size in (2, 4))
        return two - one

    assert batch("train", torch.float32) == 2 * batch("train", torch.bfloat16)
    assert batch("measure", torch.float32) == batch("measure", torch.bfloat16)
