"""Flaw activation maps: Grad-CAM of the highlighter's fake class, a batch at once (method 3; Selvaraju et al. 2017).

Only the head is differentiated, since the gradient stops at the last convolution; the targets of a batch may be summed,
since no image of it touches another.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from selfrefine.backbones import VGG16_CONV5_3
from selfrefine.highlighter import FAKE, REAL, Highlighter

EPSILON = 1e-7  # of the min-max scaling, as in the package grad-cam


def flaw_activation_maps(model: Highlighter, images: Tensor, streams: list[torch.Generator]) -> Tensor:
    """One map per image: where the highlighter sees evidence that the image is generated.

    Args:
        model: the highlighter, on the device of `images`.
        images: (N, C, H, W) in [-1, 1], C 1 (grey) or 3.
        streams: N streams, one per image, for the dither of the shortcut guard.

    Returns:
        (N, input_size, input_size) float32 in [0, 1]: each map from 0 to 1, or all 0 without such evidence. The
        convolutions follow the caller's autocast; everything after them is float32.
    """
    with torch.no_grad():
        before_relu = model.features[: VGG16_CONV5_3 + 1](model.prepare(images, streams)).float()
    with torch.autocast(images.device.type, enabled=False):
        size = (model.input_size, model.input_size)
        cells = _minmax(class_activation(model, before_relu))
        maps = F.interpolate(cells[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
        return _minmax(maps.relu())


def class_activation(model: Highlighter, before_relu: Tensor) -> Tensor:
    """Grad-CAM of the fake class on the grid of conv5_3, before any scaling.

    Args:
        model: the highlighter.
        before_relu: output of conv5_3, (N, 512, h, w) float32.

    Returns:
        (N, h, w) float32, not negative.
    """
    with torch.enable_grad():
        tap = before_relu.detach().requires_grad_()
        logits = model.head(model.features[VGG16_CONV5_3 + 1 :](tap))
        # Not in paper: the logits' difference, because the authors' softmax loses its gradient on confident fakes.
        (gradient,) = torch.autograd.grad((logits[:, FAKE] - logits[:, REAL]).sum(), tap)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    # Not in paper: the activation after the ReLU, the gradient before it, because the authors' code does so on the CPU.
    return (weights * tap.detach().relu()).sum(dim=1).relu()


def mean_map(maps: Tensor, size: int) -> Tensor:
    """The mFAM: the mean over images, averaged over areas to the training size (method 3, "Sizes").

    Args:
        maps: (N, S, S) in [0, 1].
        size: px of the training images.

    Returns:
        (size, size) float32 in [0, 1]; not scaled again, so that its greatest value is below 1.
    """
    return F.interpolate(maps.mean(dim=0)[None, None], size=(size, size), mode="area")[0, 0]


def _minmax(maps: Tensor) -> Tensor:
    """Each map of (N, h, w) to [0, 1]; a constant one to 0."""
    shifted = maps - maps.amin(dim=(1, 2), keepdim=True)
    return shifted / (EPSILON + shifted.amax(dim=(1, 2), keepdim=True))
