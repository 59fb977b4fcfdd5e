"""Training of the autoencoder: it learns, knows no generator but its own, goes on bit-equal; how well it reproduces."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from selfrefine.core import pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.metrics import reconstruction
from selfrefine.training.autoencoder import AutoencoderTrainer, Settings
from tests.support.tiny import SIZE, tiny_images
from tests.support.tiny_latent import AUTOENCODER, autoencoder

SETTINGS = Settings(
    steps=8,
    batch_size=4,
    learning_rate=0.01,
    warmup_steps=2,
    max_gradient_norm=1.0,
    latent_weight=1.0,
    checkpoint_every=3,
    log_every=2,
)
KINDS = ["vq", "kl"]


def trainer(kind="vq", **changes):
    model = diffusion_autoencoder.build(kind, AUTOENCODER, SIZE, 0)
    return AutoencoderTrainer(
        model, tiny_images(), dataclasses.replace(SETTINGS, **changes), seed=0, dtype=torch.float32
    )


def trained(scratch, kind="vq", **changes):
    made = trainer(kind, **changes)
    scratch.mkdir(exist_ok=True)
    made.run(scratch, "test")
    return made


def same(one, other):
    states = [made.autoencoder.state_dict() for made in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_the_rate_rises_and_falls_to_nothing():
    rates = [SETTINGS.rate(step) for step in range(9)]
    assert rates[0] == pytest.approx(0.005)
    assert rates[4] == pytest.approx(0.005)
    assert rates[8] == pytest.approx(0.0)
    assert rates[1:] == sorted(rates[1:], reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_training_goes_on_bit_equal(tmp_path, kind):
    class KilledError(Exception):
        pass

    unbroken, killed = trained(tmp_path / "whole", kind), trainer(kind)
    update = killed.update

    def dies_at_step_5(*drawn):
        if killed.step == 5:
            raise KilledError
        return update(*drawn)

    killed.update = dies_at_step_5
    (tmp_path / "parts").mkdir()
    with pytest.raises(KilledError):
        killed.run(tmp_path / "parts", "test")
    torch.rand(7)  # another state of torch's own generator
    resumed = trained(tmp_path / "parts", kind)
    assert same(unbroken, resumed)
    assert resumed.log == unbroken.log
    assert [row[0] for row in resumed.log] == [2, 3, 4, 6, 8]


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(tmp_path, kind):
    made = trained(tmp_path / kind, kind, steps=30, log_every=5, checkpoint_every=1000)
    assert made.log[-1][1] < 0.8 * made.log[0][1]
    assert not made.autoencoder.training


def test_the_first_loss_is_that_of_the_network_as_it_was():
    made = trainer()
    images, _ = made.batch(0)
    with torch.no_grad():
        expected = (made.autoencoder(images).sample - images).abs().mean()
    distance, term = made.update().tolist()
    assert distance == pytest.approx(float(expected), rel=1e-5)
    assert term > 0


def test_the_divergence_is_summed_over_the_latents_of_an_image():
    made = trainer("kl")
    images, _ = made.batch(0)
    with torch.no_grad():
        latents = made.autoencoder.encode(images).latent_dist
        per_number = 0.5 * (latents.mean**2 + latents.var - 1.0 - latents.var.log())
    assert float(made.update()[1]) == pytest.approx(float(per_number.sum(dim=(1, 2, 3)).mean()), rel=1e-5)


def test_the_weight_of_the_latents_is_heard(tmp_path):
    assert not same(trained(tmp_path / "one"), trained(tmp_path / "other", latent_weight=0.0))


def test_codes_start_as_latents_of_training_images(tmp_path):
    made = trainer()
    made._initialise_codes()
    codes = made.autoencoder.quantize.embedding.weight.detach()
    latents = LatentCodec(made.autoencoder).encode(pixels.to_float(tiny_images())).permute(0, 2, 3, 1).flatten(0, 2)
    assert float(torch.cdist(codes, latents).amin(dim=1).max()) < 1e-3
    assert len(codes.unique(dim=0)) == len(codes)


def test_a_loss_that_is_not_finite_stops_with_step_and_advice(tmp_path):
    with pytest.raises(InputError, match=r"loss is .*(nan|inf).* at step \d+.*train_autoencoder.learning_rate"):
        trained(tmp_path / "run", learning_rate=1e30, warmup_steps=0, steps=40)


def test_the_round_trip_is_that_of_each_held_out_image():
    model, images = autoencoder(size=16, block_out_channels=[8]), tiny_images(6, 16)
    found = reconstruction.round_trip(model, images, torch.device("cpu"), batch_size=4)
    stage = LatentCodec(model)
    decoded = pixels.to_uint8(stage.decode(stage.encode(pixels.to_float(images)))).astype(float)
    squares = ((decoded - images) ** 2).mean(axis=(1, 2, 3))
    assert found["psnr"].value == pytest.approx(np.mean(10 * np.log10(255**2 / squares)), rel=1e-5)
    assert found["psnr"].low < found["psnr"].value < found["psnr"].high
    assert 0 < found["codes_used"].value <= 1
    assert math.isnan(found["codes_used"].low)


def test_an_autoencoder_of_one_code_uses_it_and_kl_has_none():
    images = tiny_images(4, 16)
    one = reconstruction.round_trip(autoencoder(codes=1, size=16), images, torch.device("cpu"), 4)
    assert one["codes_used"].value == 1.0
    kl = reconstruction.round_trip(autoencoder("kl", size=16), images, torch.device("cpu"), 4)
    assert kl.keys() == {"psnr", "ssim"}
