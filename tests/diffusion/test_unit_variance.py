"""Latents at mean 0 and unit variance: what the network sees, what it decodes, and never too many images at once."""

import pytest
import torch

from selfrefine.core import pixels
from selfrefine.diffusion import unit_variance
from selfrefine.diffusion.autoencoder import LatentCodec
from tests.support.tiny import tiny_images
from tests.support.tiny_latent import autoencoder

CPU = torch.device("cpu")
KINDS = ["vq", "kl"]


def encoded(model, n=32):
    return LatentCodec(model).encode(pixels.to_float(tiny_images(n)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [1, 5, 64])
def test_latents_and_their_deviation_are_those_of_all_images_together(kind, together, monkeypatch):
    monkeypatch.setattr(unit_variance, "TOGETHER", together)
    model = autoencoder(kind, scale=7.0)
    assert torch.allclose(unit_variance.latents(model, tiny_images(), CPU), encoded(model).double(), atol=1e-5)
    spread = unit_variance.deviation(model, tiny_images(), CPU)
    assert spread == pytest.approx(float(encoded(model).double().std()), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_latents_have_unit_variance(kind):
    model = autoencoder(kind, scale=7.0)
    unit_variance.rescale(model, tiny_images(), CPU)
    assert float(encoded(model).std()) == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_centred_latents_have_mean_0_and_decode_to_the_same_images(kind):
    model = autoencoder(kind, scale=7.0)
    with torch.no_grad():
        model.quant_conv.bias += torch.arange(len(model.quant_conv.bias))  # far from 0, each channel elsewhere
    codec, before = LatentCodec(model), encoded(model, 8)
    decoded = codec.decode(before)
    unit_variance.centre(model, tiny_images(), CPU)
    after = encoded(model, 8)
    assert float(encoded(model).mean(dim=(0, 2, 3)).abs().max()) < 1e-4 < float(before.mean().abs())
    assert torch.allclose(codec.decode(after), decoded, atol=1e-5)
    moved = before - after  # by the same vector in every place of every image
    assert torch.allclose(moved, moved[:1, :, :1, :1].expand_as(moved), atol=1e-4)
