"""What the highlighter's tests share: VGG16 with random weights that let a signal pass, and two kinds of images."""

import functools
from pathlib import Path

import numpy as np
import torch
from torch import nn

from selfrefine.core import arrays
from selfrefine.core.random_streams import stream
from selfrefine.cost import random_weights
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.pretrained.imagenet_backbones import VGG16_CONV5_3


@functools.cache
def scaled_features() -> dict[str, torch.Tensor]:
    """VGG16's convolutions with weights that let a signal pass."""
    return random_weights.features(0).state_dict()


def write_weights(path: Path) -> Path:
    """A weights file with torchvision's names."""
    tensors = {f"features.{name}": value for name, value in scaled_features().items()}
    arrays.write_tensors(path, tensors)
    return path


def highlighter(input_size: int = 32, *, shortcut_guard: bool = True) -> Highlighter:
    """A highlighter with random weights."""
    torch.manual_seed(0)
    model = Highlighter(input_size, shortcut_guard)
    model.features.load_state_dict(scaled_features())
    return model.eval()


def brightness_highlighter(input_size: int, *, sign: float) -> Highlighter:
    """A highlighter whose fake logit is `sign` times the sum of the bright parts of an image."""
    model = Highlighter(input_size, shortcut_guard=False).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        for index, layer in enumerate(model.features):
            if isinstance(layer, nn.Conv2d):
                layer.weight[0, :, 1, 1] = 1.0 if index == 0 else torch.eye(1, layer.in_channels)[0]
        cells = model.head[1].in_features // 512
        model.head[1].weight[0, :cells] = 1.0  # channel 0 of every cell
        model.head[3].weight[FAKE, 0] = sign
        model.head[3].weight[REAL, 0] = -sign
    assert isinstance(model.features[VGG16_CONV5_3], nn.Conv2d)
    return model


def images(count: int, size: int, *, striped: bool) -> np.ndarray:
    """Packed images that are easy to tell apart: grey noise, with or without dark stripes."""
    draws = np.random.default_rng(int(striped))
    grey = draws.integers(90, 200, (count, size, size, 1), dtype=np.uint8)
    if striped:
        grey[:, ::2] //= 3
    return np.repeat(grey, 3, axis=3)


def streams(count: int, first: int = 0) -> list[torch.Generator]:
    """One stream of dither per image."""
    return [stream(0, "map_noise", index) for index in range(first, first + count)]
