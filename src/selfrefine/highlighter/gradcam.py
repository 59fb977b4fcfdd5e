"""Flaw activation maps: Grad-CAM of the highlighter's fake class, a batch at once (method 3; Selvaraju et al. 2017).

Only the head is differentiated, since the gradient stops at the last convolution; the targets of a batch may be summed,
since no image of it touches another.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from selfrefine.core import devices, pixels
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.pretrained.imagenet_backbones import VGG16_CONV5_3

CELL = 16  # px of the highlighter's input that one cell of a map stands for: four poolings before conv5_3
EPSILON = 1e-7  # of the min-max scaling, as in the package grad-cam
AUTHORS_MEAN, AUTHORS_STD = 0.45, 0.25  # what the authors standardise by behind a map, but not in training

CamTarget = Literal["logit_difference", "softmax", "sigmoid"]
CamTap = Literal["after_relu", "before_relu"]
CamPreparation = Literal["matched", "authors"]


@dataclass(frozen=True)
class Cam:
    """How an image is explained; the defaults are paper mode (method 3, section 6 rows 6 to 8).

    Args:
        target: what is differentiated. logit_difference: fake minus real, because the authors' softmax loses its
            gradient on confident fakes. softmax: P(fake). sigmoid: output 0 of the authors' first head, which has one
            output, P(real): a map of what looks real.
        tap: whether the activation is read after the ReLU, as the authors' code does on a CPU, or before it, as on a
            GPU. The gradient is before it in both.
        preparation: matched: what the highlighter was trained on. authors: plain levels standardised by .45 and .25.
    """

    target: CamTarget = "logit_difference"
    tap: CamTap = "after_relu"
    preparation: CamPreparation = "matched"


PAPER_CAM = Cam()


def flaw_activation_maps(
    model: Highlighter, images: Tensor, streams: list[torch.Generator], cam: Cam = PAPER_CAM
) -> Tensor:
    """One map per image: where the highlighter sees evidence that the image is generated.

    Args:
        model: the highlighter, on the device of `images`.
        images: (N, C, H, W) in [-1, 1], C 1 (grey) or 3.
        streams: N streams, one per image, for the dither of the shortcut guard.
        cam: how.

    Returns:
        (N, input_size, input_size) float32 in [0, 1]: each map from 0 to 1, or all 0 without such evidence. The
        convolutions follow the caller's autocast; everything after them is float32.
    """
    before_relu = _before_relu(model, images, streams, cam)
    with torch.autocast(images.device.type, enabled=False):
        cells = minmax(class_activation(model, before_relu, cam))
        return minmax(enlarge(cells, model.input_size).relu())


def explained_cells(
    model: Highlighter, images: np.ndarray, streams: list[torch.Generator], dtype: torch.dtype
) -> np.ndarray:
    """What `explain` enlarges: all that Grad-CAM tells of packed images; arguments as for it, of one chunk.

    Returns:
        (N, input_size / 16, input_size / 16) float32 in [0, 1].
    """
    evidence = torch.from_numpy(cell_evidence(model, images, streams, dtype))
    return minmax(evidence.relu()).numpy()


def explain(
    model: Highlighter, images: np.ndarray, streams: list[torch.Generator], dtype: torch.dtype, chunk_size: int = 64
) -> np.ndarray:
    """`flaw_activation_maps` of packed images, a chunk at a time.

    Args:
        model: the highlighter.
        images: (N, H, W, 3) uint8.
        streams: N streams, one per image.
        dtype: what the convolutions compute in.
        chunk_size: images at a time.

    Returns:
        (N, input_size, input_size) float32 in [0, 1].
    """
    device, maps = model.mean.device, []
    for start in range(0, len(images), chunk_size):
        chunk = slice(start, start + chunk_size)
        with devices.autocast(device, dtype):
            found = flaw_activation_maps(model, pixels.to_float(images[chunk]).to(device), streams[chunk])
        maps.append(found.cpu().numpy())
    return np.concatenate(maps)


def cell_evidence(
    model: Highlighter, images: np.ndarray, streams: list[torch.Generator], dtype: torch.dtype
) -> np.ndarray:
    """Grad-CAM of packed images on the grid of conv5_3 before its ReLU, by which every place can be ranked, also in an
    image without a flaw, of which the ReLU leaves nothing; arguments as for `explain`, of one chunk.

    Returns:
        (N, h, w) float32 of either sign: above 0 speaks for generated, below 0 for real.
    """
    device = model.mean.device
    with devices.autocast(device, dtype):
        before_relu = _before_relu(model, pixels.to_float(images).to(device), streams, PAPER_CAM)
    return class_evidence(model, before_relu).cpu().numpy()


@torch.no_grad()
def _before_relu(model: Highlighter, images: Tensor, streams: list[torch.Generator], cam: Cam) -> Tensor:
    """conv5_3 of images (N, C, H, W) in [-1, 1], before its ReLU: (N, 512, h, w) float32."""
    found: Tensor = model.features[: VGG16_CONV5_3 + 1](_prepare(model, images, streams, cam.preparation))
    return found.float()


def _prepare(model: Highlighter, images: Tensor, streams: list[torch.Generator], preparation: CamPreparation) -> Tensor:
    """What the highlighter sees, (N, 3, input_size, input_size) float32."""
    if preparation == "matched":
        return model.prepare(images, streams)
    size = (model.input_size, model.input_size)
    levels = F.interpolate((images.float() + 1.0) / 2.0, size=size, mode="bilinear").expand(-1, 3, -1, -1)
    return ((levels - AUTHORS_MEAN) / AUTHORS_STD).contiguous(memory_format=torch.channels_last)


def class_activation(model: Highlighter, before_relu: Tensor, cam: Cam = PAPER_CAM) -> Tensor:
    """Grad-CAM of the fake class on the grid of conv5_3, before any scaling: `class_evidence` after its ReLU."""
    return class_evidence(model, before_relu, cam).relu()


def class_evidence(model: Highlighter, before_relu: Tensor, cam: Cam = PAPER_CAM) -> Tensor:
    """What Grad-CAM takes the ReLU of.

    Args:
        model: the highlighter.
        before_relu: output of conv5_3, (N, 512, h, w) float32.
        cam: target and tap.

    Returns:
        (N, h, w) float32 of either sign.
    """
    with torch.enable_grad():
        tap = before_relu.detach().requires_grad_()
        logits = model.head(model.features[VGG16_CONV5_3 + 1 :](tap))
        (gradient,) = torch.autograd.grad(_score(logits, cam.target).sum(), tap)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    activation = tap.detach().relu() if cam.tap == "after_relu" else tap.detach()
    return (weights * activation).sum(dim=1)


def _score(logits: Tensor, target: CamTarget) -> Tensor:
    """What is differentiated, (N,), of logits (N, 2)."""
    match target:
        case "logit_difference":
            return logits[:, FAKE] - logits[:, REAL]
        case "softmax":
            return logits.softmax(dim=1)[:, FAKE]
        case "sigmoid":
            return (logits[:, REAL] - logits[:, FAKE]).sigmoid()


def enlarge(cells: Tensor, size: int) -> Tensor:
    """Maps (N, h, w) to (N, size, size): bilinear, half-pixel (method 3, "Sizes")."""
    return F.interpolate(cells[:, None], size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def mean_map(maps: Tensor, size: int) -> Tensor:
    """The mFAM: the mean over images, averaged over areas to the training size (method 3, "Sizes").

    Args:
        maps: (N, S, S) in [0, 1].
        size: px of the training images.

    Returns:
        (size, size) float32 in [0, 1]; not scaled again, so that its greatest value is below 1.
    """
    return F.interpolate(maps.mean(dim=0)[None, None], size=(size, size), mode="area")[0, 0]


def minmax(maps: Tensor) -> Tensor:
    """Each map of (N, h, w) to [0, 1]; a constant one to 0."""
    shifted = maps - maps.amin(dim=(1, 2), keepdim=True)
    return shifted / (EPSILON + shifted.amax(dim=(1, 2), keepdim=True))
