"""Networks of an experiment with random weights: which they are, and that they train and sample as jobs do."""

from functools import cache

import numpy as np
import pytest
import torch

from selfrefine.cost import ready_network
from selfrefine.params import job_config, packaged

CPU = torch.device("cpu")
SMOKE = ready_network.of_experiment(packaged.of_experiment("smoke"))


@cache
def ready(title):
    return ready_network.ready(SMOKE[title], CPU, torch.float32)


def test_the_papers_networks_are_each_there_once():
    found = ready_network.of_experiment(packaged.of_experiment("paper"))
    sizes = {"DDPM, 128 px": 128, "DDPM at 64 px, 64 px": 64, "Improved DDPM, 128 px": 128, "U-ViT, 64 px": 64}
    sizes |= {"LDM, 256 px": 256, "Stable Diffusion, 256 px": 256}
    assert {title: run.size for title, run in found.items()} == sizes


def test_the_small_ones_are_of_all_families():
    families = {run.of("train_base")["family"] for run in SMOKE.values()}
    assert families == {"ddpm", "improved_ddpm", "uvit", *job_config.LATENT_FAMILIES}


@pytest.mark.parametrize("title", SMOKE)
def test_weights_and_images_are_always_the_same(title):
    one, other = ready(title), ready_network.ready(SMOKE[title], CPU, torch.float32)
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name])
    assert np.array_equal(one.images, other.images)


@pytest.mark.parametrize("title", SMOKE)
def test_an_update_changes_weights_and_a_chain_makes_images(title):
    found = ready_network.ready(SMOKE[title], CPU, torch.float32)
    before = [value.clone() for value in found.network.parameters()]
    assert torch.isfinite(found.trainer(3).update())
    assert any(not torch.equal(old, new) for old, new in zip(before, found.network.parameters(), strict=True))
    assert found.trainer(2).batch(0).shape == (2, *found.run.shape())
    assert found.chain(5)().shape == (5, *found.run.shape())


@pytest.mark.parametrize("title", SMOKE)
def test_a_chain_is_as_many_evaluations_of_the_network_as_it_is_counted_for(title):
    found, calls = ready(title), []
    counted = found.network.register_forward_hook(lambda *_: calls.append(1))
    found.chain(2)()
    counted.remove()
    assert len(calls) == ready_network.STEPS


@pytest.mark.parametrize("title", [title for title, run in SMOKE.items() if run.is_latent])
def test_latents_are_decoded_to_images(title):
    found = ready(title)
    made = found.decoding(ready_network.N_IMAGES + 1)()
    assert made.shape == (ready_network.N_IMAGES + 1, found.codec.channels, found.run.size, found.run.size)
    assert made.dtype == torch.float32
    assert found.images.shape[1:] == found.run.shape()
