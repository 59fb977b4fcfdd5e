"""The mFAM: what it is the mean of, and what it draws from."""

import torch

from selfrefine import gradcam, guidance, randomness, sampling
from selfrefine.guidance import Refinement
from tests import tiny_highlighter
from tests.tiny import tiny_pipeline

REFINEMENT = Refinement("xt", 0.5, "kv", 0.5, cycle=4, map_images=3, map_steps=3)


def make(refresh=0, seed=0, refinement=REFINEMENT):
    pipeline = tiny_pipeline()
    pipeline.unet.eval()
    return guidance.flaw_map(
        pipeline.unet,
        pipeline.scheduler.alphas_cumprod,
        tiny_highlighter.highlighter(32),
        refinement,
        seed=seed,
        refresh=refresh,
        size=8,
        dtype=torch.float32,
    )


def test_is_the_mean_of_the_maps_of_its_own_samples_at_training_size():
    pipeline, model = tiny_pipeline(), tiny_highlighter.highlighter(32)
    pipeline.unet.eval()
    streams = [randomness.stream(0, "map_noise", 3 + row) for row in range(3)]  # refresh 1 of three images each
    images = sampling.sample_chunk(
        pipeline.unet, pipeline.scheduler.alphas_cumprod, streams, sampler="ddim", steps=3, dtype=torch.float32
    )
    maps = gradcam.flaw_activation_maps(model, images, streams)
    expected = maps.mean(dim=0).view(8, 4, 8, 4).mean(dim=(1, 3))
    torch.testing.assert_close(make(refresh=1), expected, atol=1e-6, rtol=1e-5)


def test_is_a_map_in_the_unit_range_and_never_all_zero_here():
    some_map = make()
    assert some_map.shape == (8, 8)
    assert some_map.dtype == torch.float32
    assert 0 <= float(some_map.min()) < float(some_map.max()) <= 1


def test_every_refresh_and_seed_has_its_own_noise_and_repeats_it():
    assert torch.equal(make(refresh=1), make(refresh=1))
    assert not torch.equal(make(refresh=0), make(refresh=1))
    assert not torch.equal(make(seed=0), make(seed=1))


def test_making_a_map_draws_nothing_from_the_training():
    torch.manual_seed(3)
    expected = torch.rand(4)
    pipeline, model = tiny_pipeline(), tiny_highlighter.highlighter(32)
    torch.manual_seed(3)
    guidance.flaw_map(
        pipeline.unet.eval(),
        pipeline.scheduler.alphas_cumprod,
        model,
        REFINEMENT,
        seed=0,
        refresh=0,
        size=8,
        dtype=torch.float32,
    )
    assert torch.equal(torch.rand(4), expected)


def test_a_long_map_is_made_in_chunks(monkeypatch):
    whole = make()
    monkeypatch.setattr(guidance, "CHUNK", 2)
    torch.testing.assert_close(make(), whole, atol=1e-5, rtol=1e-4)
