"""Sampling many images: chunks and streams (design 9). The samplers themselves: tests/parity/test_diffusion.py."""

import numpy as np
import pytest
import torch

from selfrefine.core import random_streams
from selfrefine.diffusion import noise_schedule, samplers, sampling
from tests.support import tiny_uvit
from tests.support.damage import replace_kept
from tests.support.tiny import tiny_pipeline


def sample(scratch, *, n_images=10, chunk_size=4, sampler="ddim", purpose="evaluation", seed=0):
    pipeline = tiny_uvit.tiny_pipeline() if sampler.startswith("euler") else tiny_pipeline()
    scratch.mkdir(exist_ok=True)
    return sampling.sample_images(
        pipeline.unet,
        noise_schedule.of(pipeline),
        scratch,
        label="test",
        seed=seed,
        purpose=purpose,
        n_images=n_images,
        chunk_size=chunk_size,
        sampler=sampler,
        steps=4,
        dtype=torch.float32,
    ).array()


@pytest.mark.parametrize("sampler", list(samplers.SAMPLERS))
def test_bytes_do_not_depend_on_how_many_images_are_asked_for(tmp_path, sampler):
    few, many = (sample(tmp_path / str(n), n_images=n, sampler=sampler) for n in (6, 10))
    assert few.shape == (6, 8, 8, 3)
    assert np.array_equal(few, many[:6])


@pytest.mark.parametrize("sampler", list(samplers.SAMPLERS))
def test_another_chunk_size_changes_last_bits_only(tmp_path, sampler):
    one, other = (sample(tmp_path / str(size), chunk_size=size, sampler=sampler).astype(int) for size in (4, 7))
    assert np.abs(one - other).max() <= 1


def test_finished_chunks_are_not_sampled_again(tmp_path):
    whole = sample(tmp_path / "whole")
    sample(tmp_path / "part", n_images=8)  # two chunks of four, then a kill
    marked = np.zeros((4, 8, 8, 3), np.uint8)
    replace_kept(tmp_path / "part", "chunk00000000.npy", marked)
    resumed = sample(tmp_path / "part")
    assert np.array_equal(resumed[:4], marked)
    assert np.array_equal(resumed[4:], whole[4:])


def test_purposes_and_seeds_share_no_noise(tmp_path):
    images = [
        sample(tmp_path / f"{purpose}{seed}", purpose=purpose, seed=seed, n_images=4)
        for purpose, seed in (("evaluation", 0), ("highlighter_fakes", 0), ("evaluation", 1))
    ]
    assert not any(np.array_equal(images[a], images[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_sampling_leaves_the_global_generator_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    streams = [random_streams.stream(0, "map_noise", 0)]
    pipeline = tiny_pipeline()
    torch.manual_seed(5)
    sampling.sample_chunk(
        pipeline.unet, noise_schedule.of(pipeline), streams, sampler="ancestral", steps=3, dtype=torch.float32
    )
    assert torch.equal(torch.rand(3), expected)
