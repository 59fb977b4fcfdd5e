"""The authors' way to a map costs more and ends at the same map."""

import torch

from selfrefine.core import random_streams
from selfrefine.cost import authors_refresh
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from tests.support import tiny_highlighter
from tests.support.tiny_subject import tiny_subject


def streams(n=4):
    return [random_streams.stream(0, "map_noise", row) for row in range(n)]


def both_maps(dtype=torch.float32):
    """Theirs and ours of the same four images."""
    subject = tiny_subject(dtype)
    pipeline = subject.pipeline()
    network, levels = pipeline.unet.eval(), noise_schedule.of(pipeline)
    guide = Guide(
        MapRecipe(4, 3), levels, subject.highlighter, subject.images, seed=0, dtype=dtype, horizontal_flip=False
    )
    theirs = authors_refresh.authors_map(network, levels, subject.highlighter, streams(), steps=3, dtype=dtype)
    return theirs, guide(network, []).mfam


def test_map_equals_that_of_our_refresh_for_equal_images_and_weights():
    theirs, ours = both_maps()
    torch.testing.assert_close(theirs, ours, atol=1e-5, rtol=0)
    assert float(ours.std(correction=0)) > 0.01


def test_map_is_near_ours_in_half_precision():
    theirs, ours = both_maps(torch.bfloat16)
    assert theirs.dtype == torch.float32
    torch.testing.assert_close(theirs, ours, atol=0.1, rtol=0)


def test_the_gradients_of_all_weights_are_computed_and_none_is_left():
    highlighter, seen = tiny_highlighter.highlighter(32), []
    for name, parameter in highlighter.named_parameters():
        parameter.register_hook(lambda gradient, name=name: seen.append(name))
    image = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2.0 - 1.0
    authors_refresh.single_map(highlighter, image, streams(1)[0], torch.float32)
    assert sorted(seen) == sorted(name for name, _ in highlighter.named_parameters())
    assert all(parameter.grad is None for parameter in highlighter.parameters())


def test_the_network_is_left_as_it_was():
    subject = tiny_subject()
    pipeline = subject.pipeline()
    network = pipeline.unet.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    authors_refresh.authors_map(
        network, noise_schedule.of(pipeline), subject.highlighter, streams(1), steps=2, dtype=torch.float32
    )
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
