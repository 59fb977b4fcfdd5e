"""Both samplers make the same images, so that their speeds may be compared."""

import time

import pytest
import torch

from selfrefine.core import random_streams
from selfrefine.cost import diffusers_sampling
from selfrefine.cost.diffusers_sampling import STOCK, Chains, Sizes
from selfrefine.diffusion import noise_schedule, sampling
from tests.support.tiny_subject import tiny_subject

SIZES = Sizes(rounds=2, images=4, steps=5)


def test_images_agree_in_float32():
    chains = Chains(tiny_subject().pipeline(), SIZES)
    stock, ours = chains.stock(), chains.ours(torch.float32)
    assert stock.shape == ours.shape == (4, 8, 8, 3)
    torch.testing.assert_close(ours, stock, atol=1e-5, rtol=0)
    assert float(ours.std()) > 0.05


def test_the_comparison_would_see_other_timesteps():
    pipeline = tiny_subject().pipeline()
    stock = Chains(pipeline, SIZES).stock()
    streams = [random_streams.stream(0, "evaluation", row) for row in range(SIZES.images)]
    other = sampling.sample_chunk(
        pipeline.unet, noise_schedule.of(pipeline), streams, sampler="ddim", steps=5, dtype=torch.float32
    )
    gap = ((other / 2.0 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1) - stock).abs().max()
    assert float(gap) > 10 * diffusers_sampling.TOLERANCE


def test_both_walk_the_same_chain():
    pipeline = tiny_subject().pipeline()
    chains = Chains(pipeline, SIZES)
    seen = []
    handle = pipeline.unet.register_forward_pre_hook(lambda module, inputs: seen.append(int(inputs[1])))
    chains.stock()
    theirs, seen[:] = list(seen), []
    chains.ours(torch.float32)
    handle.remove()
    assert seen == theirs == [16, 12, 8, 4, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_measures_speed_and_difference(dtype):
    lines = diffusers_sampling.measure(tiny_subject(dtype), SIZES, time.perf_counter, lambda line: None)
    assert lines[0]["case"] == STOCK
    assert lines[0]["ratio"] == 1.0
    assert [line["largest_difference"] for line in lines[:1]] == [0.0]
    assert lines[1]["largest_difference"] < 1e-5
    assert all(line["images"] == 4 and line["steps"] == 5 and line["low"] > 0.0 for line in lines)
    if dtype == torch.bfloat16:
        assert lines[2]["largest_difference"] > lines[2]["mean_difference"] > 1e-5
