import itertools

import pytest
import torch

from selfrefine.core.random_streams import image_noise, stream, stream_seed


@pytest.mark.parametrize(
    ("key", "digest_head"),  # of `printf '0/batch/0' | sha256sum`, so that results stay reproducible across versions
    [((0, "batch", 0), 0x927F4B04DF1250CE), ((7, "evaluation", 123), 0x518036783880CD0E)],
)
def test_the_seed_is_the_head_of_the_digest_of_the_key(key, digest_head):
    assert stream_seed(*key) == digest_head >> 1


def test_keys_that_differ_in_one_place_give_different_streams():
    keys = list(itertools.product(range(3), ["batch", "noise", "map_noise"], range(20)))
    draws = {tuple(torch.randn(4, generator=stream(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_a_stream_depends_on_its_key_alone():
    torch.manual_seed(1)
    first = torch.randn(100, generator=stream(3, "noise", 5))
    torch.manual_seed(2)
    stream(3, "noise", 4)
    assert torch.equal(first, torch.randn(100, generator=stream(3, "noise", 5)))


def test_drawing_from_a_stream_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    image_noise([stream(0, "evaluation", 0)], (3, 8, 8))
    assert torch.equal(before, torch.random.get_rng_state())


def test_neighbouring_streams_are_uncorrelated_standard_normals():
    noise = image_noise([stream(0, "evaluation", row) for row in range(64)], (3, 16, 16)).flatten(1)
    n = noise.shape[1]
    correlations = torch.corrcoef(noise)[~torch.eye(64, dtype=torch.bool)]
    assert correlations.abs().max() < 5 / n**0.5
    assert noise.mean().abs() < 4 / noise.numel() ** 0.5
    assert (noise.var() - 1.0).abs() < 4 * (2 / noise.numel()) ** 0.5


def test_an_image_has_the_same_noise_in_any_chunk():
    whole = image_noise([stream(0, "evaluation", row) for row in range(6)], (3, 4, 4))
    part = image_noise([stream(0, "evaluation", row) for row in (4, 2)], (3, 4, 4))
    assert torch.equal(part, whole[[4, 2]])
    assert whole.dtype == torch.float32
