"""Weights without a download: VGG16 with random ones that let a signal pass, for what depends on no learned weights."""

import torch
from torch import nn

from selfrefine.highlighter.model import Highlighter
from selfrefine.pretrained.imagenet_backbones import vgg16_features


def features(seed: int) -> nn.Sequential:
    """VGG16's convolutions with He's initial weights, by the seed: torch's own let a signal die within the thirteen."""
    with torch.random.fork_rng(devices=[]):  # torch's own weights, drawn in vain
        made = vgg16_features()
    draws = torch.Generator().manual_seed(seed)
    for layer in made:
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=draws)
            nn.init.zeros_(layer.bias)
    return made


def highlighter(input_size: int, seed: int) -> Highlighter:
    """A highlighter with the shortcut guard, in evaluation mode; its weights depend on the seed alone.

    Args:
        input_size: px that images are resized to, a multiple of 32.
        seed: any number.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Highlighter(input_size, shortcut_guard=True)
    model.features.load_state_dict(features(seed).state_dict())
    return model.eval()
