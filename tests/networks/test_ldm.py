"""The family ldm: what it builds, that stock diffusers samples it, what is clipped, who sees decoded images."""

import dataclasses

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, LDMPipeline

from selfrefine import networks
from selfrefine.core import pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion import forward_process, noise_schedule, samplers, sampling
from selfrefine.diffusion.autoencoder import LatentCodec, of
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.networks import ldm
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_highlighter, tiny_latent
from tests.support.tiny import NETWORK, SIZE, tiny_images, tiny_settings
from tests.support.tiny_latent import DIFFUSION, LATENT_SIZE, autoencoder

CPU = torch.device("cpu")
REVERSE = Refinement("none", 0.5, "kv", 0.5, cycle=4)
FORWARD = dataclasses.replace(REVERSE, forward="xt", reverse="none")
NOTHING = dataclasses.replace(REVERSE, forward="xt", forward_weight=0.0, reverse_weight=0.0)


def test_the_network_works_on_latents_of_the_autoencoder():
    made = tiny_latent.pipeline()
    own = made.unet.config
    assert (own.in_channels, own.out_channels, own.sample_size) == (3, 3, LATENT_SIZE)
    four = networks.build("ldm", NETWORK, DIFFUSION, 16, 0, autoencoder(size=16, latent_channels=4)).unet.config
    assert (four.in_channels, four.out_channels, four.sample_size) == (4, 4, 8)


def test_the_schedule_is_that_of_latent_diffusion():
    """Its authors': the root of beta rises linearly from that of 0.0015 to that of 0.0195 (method 5.1)."""
    betas = np.linspace(0.0015**0.5, 0.0195**0.5, 1000) ** 2
    made = ldm.build(NETWORK, {"schedule": "scaled_linear", "timesteps": 1000}, SIZE, autoencoder())
    levels = noise_schedule.of(made)
    assert levels.alphas_cumprod.numpy() == pytest.approx(np.cumprod(1 - betas), rel=1e-4)
    assert not levels.bounded
    assert noise_schedule.of(tiny.tiny_pipeline()).bounded


@pytest.mark.parametrize(
    ("model", "told"),
    [(None, "needs an autoencoder"), (autoencoder(channels=1), "images have 3 channels and 8 px.* takes 1 channels")],
)
def test_a_missing_or_other_autoencoder_is_told(model, told):
    with pytest.raises(InputError, match=rf"train_base.network of family ldm does not build: .*{told}"):
        networks.build("ldm", NETWORK, DIFFUSION, SIZE, 0, model)


def test_a_family_of_pixels_takes_no_autoencoder():
    with pytest.raises(InputError, match="family ddpm does not build"):
        networks.build("ddpm", NETWORK, tiny.DIFFUSION, SIZE, 0, autoencoder())


@pytest.mark.parametrize("kind", ["vq", "kl"])
def test_stock_diffusers_loads_the_folder_and_makes_images(tmp_path, kind):
    networks.save(tiny_latent.pipeline(kind, scale=2.0), tmp_path / "pipeline")
    stock = DiffusionPipeline.from_pretrained(tmp_path / "pipeline")
    assert type(stock) is LDMPipeline
    stock.set_progress_bar_config(disable=True)
    images = stock(batch_size=2, generator=torch.manual_seed(0), num_inference_steps=5, output_type="np").images
    assert images.shape == (2, SIZE, SIZE, 3)
    assert 0.0 <= images.min() < images.max() <= 1.0
    again = networks.load(tmp_path / "pipeline", CPU)
    assert type(again.vqvae) is type(stock.vqvae)
    assert of(again).scale == 2.0


class Certain(torch.nn.Module):
    """Predicts the noise that is left when x_0 is 3 everywhere."""

    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, noisy, t):
        level = self.levels.alphas_cumprod[int(t)]
        return type("Output", (), {"sample": (noisy - level**0.5 * 3.0) / (1 - level) ** 0.5})


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
@pytest.mark.parametrize(("bounded", "expected"), [(False, 3.0), (True, 1.0)])
def test_only_bounded_images_are_clipped(sampler, bounded, expected):
    levels = dataclasses.replace(noise_schedule.of(tiny_latent.pipeline()), bounded=bounded)
    streams = [random_streams.stream(0, "evaluation", row) for row in range(2)]
    made = samplers.SAMPLERS[sampler](Certain(levels), levels, torch.randn(2, 3, 4, 4), 5, streams)
    assert torch.allclose(made, torch.full_like(made, expected), atol=1e-3)


def test_a_sample_is_the_decoded_end_of_the_chain():
    made = tiny_latent.pipeline(scale=0.5)
    levels, stage = noise_schedule.of(made), of(made)

    def streams():
        return [random_streams.stream(0, "evaluation", row) for row in range(3)]

    common = {"sampler": "ddim", "steps": 3, "dtype": torch.float32}
    images = sampling.sample_chunk(made.unet, levels, streams(), **common, codec=stage)
    latents = sampling.sample_chunk(made.unet, levels, streams(), **common)
    assert images.shape == (3, 3, SIZE, SIZE)
    assert latents.shape == (3, 3, LATENT_SIZE, LATENT_SIZE)
    assert torch.equal(images, stage.decode(latents))


# -- training on latents -----------------------------------------------------------------------------------------------


def trainer(**settings):
    made = tiny_latent.pipeline(dropout=0.1)
    data, how = tiny_latent.latents(), tiny_settings(**{"horizontal_flip": False} | settings)
    return Trainer(made.unet, noise_schedule.of(made), data, how, seed=0, dtype=torch.float32)


def trained(refinement, guidance_map, steps=3):
    made = trainer()
    losses = [float(made.update(guidance_map, refinement)) for _ in range(steps)]
    return made.tensors(), losses


@pytest.fixture(scope="module")
def some_map():
    return torch.rand((SIZE, SIZE), generator=torch.Generator().manual_seed(1))


def test_a_batch_is_of_latents_as_they_are_stored():
    made = trainer(batch_size=20)
    stored = {latent.tobytes() for latent in tiny_latent.latents()}
    batch = made.batch(0)
    assert (batch.shape, batch.dtype) == ((20, 3, LATENT_SIZE, LATENT_SIZE), torch.float32)
    assert {latent.tobytes() for latent in batch.numpy().astype(np.float16)} <= stored


def test_latents_are_not_mirrored():
    with pytest.raises(InputError, match=r"train_base.horizontal_flip is true; latents allow false"):
        trainer(horizontal_flip=True)


def test_zero_weights_and_a_zero_map_are_bit_identical_to_plain_training(some_map):
    plain, losses = trained(None, None)
    both = dataclasses.replace(REVERSE, forward="xt")
    for refinement, guidance_map in ((NOTHING, some_map), (both, torch.zeros(SIZE, SIZE))):
        other, other_losses = trained(refinement, guidance_map)
        assert other_losses == losses
        assert all(torch.equal(plain[name], other[name]) for name in plain)


def test_each_process_changes_the_training(some_map):
    losses = {tuple(trained(refinement, some_map)[1]) for refinement in (None, REVERSE, FORWARD)}
    assert len(losses) == 3


def test_the_forward_process_takes_the_mean_of_the_map_over_what_a_latent_covers(some_map):
    noise = torch.randn(2, 3, LATENT_SIZE, LATENT_SIZE, generator=torch.Generator().manual_seed(0))
    means = some_map.view(LATENT_SIZE, 2, LATENT_SIZE, 2).mean(dim=(1, 3))
    steered = forward_process.steer(noise, some_map, "xt", 0.5)
    assert torch.allclose(steered.injected, noise * (1 + 0.5 * means), atol=1e-6)
    assert torch.allclose(forward_process.steer(noise, some_map, "loss_weight", 0.5).loss_factor, 1 + 0.5 * means)


# -- what the highlighter sees -----------------------------------------------------------------------------------------


@pytest.fixture
def guide():
    made = tiny_latent.pipeline(scale=0.01)  # latents far from any code, whatever the network says
    with torch.no_grad():
        made.vqvae.decoder.conv_out.weight *= 50  # much of it is beyond black and white
    stage = of(made)
    maker = Guide(
        MapRecipe(map_images=4, map_steps=3),
        noise_schedule.of(made),
        tiny_highlighter.highlighter(32),
        tiny_images(),
        seed=0,
        dtype=torch.float32,
        horizontal_flip=False,
        codec=stage,
    )
    return made, maker


def test_the_highlighter_sees_decoded_images_between_0_and_1(guide, monkeypatch):
    made, maker = guide
    seen, given = [], []

    def quantise(images, before=pixels.quantise):
        given.append(images)
        seen.append(before(images) / 255.0)
        return before(images)

    monkeypatch.setattr(pixels, "quantise", quantise)
    maps = maker(made.unet.eval(), 0)
    assert [tuple(images.shape) for images in seen] == [(4, 3, SIZE, SIZE)]
    assert float(given[0].abs().max()) == 1.0  # decoded, and clamped: the paper's authors hand over what lies outside
    assert 0.0 <= float(seen[0].min()) < float(seen[0].max()) <= 1.0
    assert maps.mfam.shape == (SIZE, SIZE)
    assert 0.0 <= float(maps.mfam.min()) < float(maps.mfam.max()) <= 1.0


def test_the_images_behind_a_map_are_those_of_the_latents(guide):
    made, maker = guide
    images, _ = maker.generated(made.unet.eval(), 0)
    streams = [random_streams.stream(0, "map_noise", row) for row in range(4)]
    levels = noise_schedule.of(made)
    latents = sampling.sample_chunk(made.unet, levels, streams, sampler="ddim", steps=3, dtype=torch.float32)
    assert torch.equal(images, LatentCodec(made.vqvae).decode(latents))
