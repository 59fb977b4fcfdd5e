"""Random weights of VGG16: by their seed alone, and deep enough for a signal, which torch's own are not."""

import torch

from selfrefine.cost import random_weights
from selfrefine.pretrained.imagenet_backbones import vgg16_features


def test_they_depend_on_the_seed_alone_and_draw_nothing_from_others():
    state = torch.get_rng_state()
    first = random_weights.highlighter(32, 5).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    again, other = random_weights.highlighter(32, 5).state_dict(), random_weights.highlighter(32, 6).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not any(torch.equal(value, other[name]) for name, value in first.items() if value.ndim > 1)


@torch.no_grad()
def test_a_signal_passes_all_layers():
    images = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    passed, lost = random_weights.features(0)(images), vgg16_features()(images)
    assert 0.1 < passed.std() < 10.0
    assert (lost[0] - lost[1]).abs().max() < 0.01 < (passed[0] - passed[1]).abs().max()
