"""Read-outs that look where the guidance map points, with more power than FD of whole images (method 11.4).

(a) mechanism: does the network predict less noise where the map was high, as the forward process would teach it;
(b) place: did the images change more where the map is high than where it is low;
(c) critic: does a highlighter that no refinement has used still tell the images from real ones.
(a) and (b) take the same map for every variant, so that variants without one, or with another, are a control.
"""

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from selfrefine.core import arrays, pixels, random_streams
from selfrefine.core.errors import InputError
from selfrefine.core.mirrored import Packed
from selfrefine.diffusion import forward_process
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.highlighter.model import FAKE, IMAGENET_MEAN, IMAGENET_STD, REAL, Highlighter, classify
from selfrefine.metrics import frechet, intervals
from selfrefine.metrics.intervals import Estimate
from selfrefine.pretrained.imagenet_backbones import vgg16_features

# Index of the convolution; its ReLU follows. A cell sees 14 px, so that what is at one end of 32 px stays there; one of
# conv4_3 sees 92 px, more than there are, and would be told of every place.
VGG16_CONV2_2 = 7
POOLING = 2  # px of its input that one cell of conv2_2 stands for
CHUNK = 64  # images at a time
NONE = Estimate(math.nan)


# -- (a) mechanism -----------------------------------------------------------------------------------------------------


@torch.no_grad()
def agreement(
    network: Any, schedule: Schedule, images: np.ndarray, *, timesteps: tuple[int, int], seed: int
) -> np.ndarray:
    """eps_hat * eps of each image and pixel, the mean over channels: (N, H, W) float32.

    Image i gets its t and its noise from its own stream, the same for every network. Float32 throughout: what is looked
    for is a hundredth.

    Args:
        network: a diffusers network that predicts noise, in evaluation.
        schedule: of its pipeline.
        images: (N, H, W, 3) uint8; x_t is the plain one.
        timesteps: first and last t, both drawn too.
        seed: of the run.
    """
    (first, last), schedule = timesteps, schedule.to("cpu")
    products = []
    for start in range(0, len(images), CHUNK):
        clean = pixels.to_float(images[start : start + CHUNK], network.config.in_channels)
        streams = [random_streams.stream(seed, "readouts", start + row) for row in range(len(clean))]
        times = torch.cat([torch.randint(first, last + 1, (1,), generator=stream) for stream in streams])
        noise = random_streams.image_noise(streams, tuple(clean.shape[1:]))
        noisy = forward_process.diffuse(clean, noise, schedule.alphas_cumprod_at(times)).to(network.device)
        predicted = forward_process.predicted_of(network(noisy, times.to(network.device)).sample, clean.shape[1])
        products.append((predicted.cpu() * noise).mean(dim=1).numpy())
    return np.concatenate(products)


def slope(products: np.ndarray, reference: np.ndarray, guidance_map: np.ndarray) -> Estimate:
    """The slope of g / g_reference - 1 on the map over all pixels, g the mean of `agreement` over images.

    The forward process F-xt predicts about -lf, a uniform map 0. The interval is over images, paired: it holds
    although neighbouring pixels err together, which the usual error of a regression over pixels does not know.

    Args:
        products: (N, H, W), `agreement` of a variant.
        reference: (N, H, W) of the reference, for the same images, t and noise.
        guidance_map: (H, W); a constant one has no slope (NaN).
    """
    centred = guidance_map.astype(np.float64) - guidance_map.mean(dtype=np.float64)
    if _is_flat(guidance_map):
        return NONE
    weights = centred / (centred**2).sum()
    g, base = products.mean(axis=0, dtype=np.float64), reference.mean(axis=0, dtype=np.float64)
    per_image = ((products - g) / base - g * (reference - base) / base**2) * weights
    return _mean_with(float((weights * (g / base - 1.0)).sum()), per_image.sum(axis=(1, 2)))


# -- (b) place ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Places:
    """Features of the same images where the map is highest and where it is lowest, each (N, D) float64."""

    top: np.ndarray
    bottom: np.ndarray

    @functools.cached_property
    def gaussians(self) -> tuple[frechet.Gaussian, frechet.Gaussian]:
        """Fitted to the features at the top and at the bottom."""
        return frechet.gaussian(self.top), frechet.gaussian(self.bottom)


def quarters(guidance_map: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Which cells of a cells x cells grid have the highest and the lowest quarter of the map.

    Args:
        guidance_map: (H, H).
        cells: of the grid, at least 2 in each direction.

    Returns:
        (indices of the highest, of the lowest), row by row; None for a constant map, which has no such places.
    """
    if _is_flat(guidance_map):
        return None
    whole = torch.tensor(guidance_map)[None, None].float()
    means = F.interpolate(whole, size=(cells, cells), mode="area").flatten().numpy()
    order = np.argsort(means, kind="stable")
    return order[-(len(order) // 4) :], order[: len(order) // 4]


def load_vgg16(path: Path, device: torch.device) -> nn.Sequential:
    """VGG16 up to conv2_2 and its ReLU.

    Args:
        path: safetensors with torchvision's names (`features.N.weight`, `features.N.bias`).
        device: where to compute.

    Raises:
        InputError: weights of another network.
    """
    network, (tensors, _) = vgg16_features(), arrays.read_tensors(path)
    try:
        network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in tensors.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: no weights of VGG16 ({reason}); make them again with fetch_weights") from error
    kept = network[: VGG16_CONV2_2 + 2].to(memory_format=torch.channels_last)
    return kept.to(device).eval()


@torch.no_grad()
def features_at(
    network: nn.Sequential, images: Packed, chosen: tuple[np.ndarray, np.ndarray], input_size: int
) -> Places:
    """conv2_2 of each image, averaged over the chosen cells only; in float32.

    Args:
        network: from `load_vgg16`.
        images: (N, H, W, 3) uint8.
        chosen: from `quarters`, of a grid of input_size / 2 cells.
        input_size: px that images are resized to.
    """
    device = next(network.parameters()).device
    mean, std = (255.0 * torch.tensor(values, device=device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    pooled: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for start in range(0, len(images), CHUNK):
        batch = torch.from_numpy(np.array(images[start : start + CHUNK])).permute(0, 3, 1, 2).to(device).float()
        resized = F.interpolate(batch, (input_size, input_size), mode="bilinear", antialias=True)
        cells = network(((resized - mean) / std).contiguous(memory_format=torch.channels_last)).flatten(2)
        for kept, indices in zip(pooled, chosen, strict=True):
            kept.append(cells[..., torch.tensor(indices, device=device)].mean(dim=2).cpu().double().numpy())
    return Places(*map(np.concatenate, pooled))


def place(sample: Places, reference: Places, real: Places) -> Estimate:
    """log FD(top) - log FD(bottom) of a variant minus that of the reference: below 0, the top quarter gained more.

    Args:
        sample: of a variant.
        reference: of the reference; image i of both comes from the same noise.
        real: of real test images, at the same places.
    """
    value = _log_ratio(sample, real) - _log_ratio(reference, real)
    if math.isnan(value):
        return NONE
    if not intervals.enough_images(*sample.top.shape):
        return Estimate(value)
    return _mean_with(value, _influence(sample, real) - _influence(reference, real))


def _distances(sample: Places, real: Places) -> list[float]:
    """FD at the top and at the bottom."""
    pairs = zip(sample.gaussians, real.gaussians, strict=True)
    return [frechet.frechet_distance(fitted, target) for fitted, target in pairs]


def _log_ratio(sample: Places, real: Places) -> float:
    """log FD(top) - log FD(bottom); NaN where the images equal the real ones exactly, as on an empty border."""
    top, bottom = _distances(sample, real)
    return math.log(top / bottom) if min(top, bottom) > 0.0 else math.nan


def _influence(sample: Places, real: Places) -> np.ndarray:
    """(N,): how much each image adds to the log ratio."""
    parts = zip((sample.top, sample.bottom), sample.gaussians, real.gaussians, _distances(sample, real), strict=True)
    top, bottom = (frechet.influence(features, fitted, target) / fd for features, fitted, target, fd in parts)
    return top - bottom


# -- (c) critic --------------------------------------------------------------------------------------------------------


def fake_logits(critic: Highlighter, images: np.ndarray, *, seed: int, dtype: torch.dtype) -> np.ndarray:
    """The logit of "generated" of each image, (N,) float64: above 0 the critic calls it generated.

    Args:
        critic: a highlighter of another split, start and order than the one behind the maps.
        images: (N, H, W, 3) uint8; image i of every variant gets the same dither.
        seed: of the run.
        dtype: what the critic computes in.
    """
    streams = [random_streams.stream(seed, "readouts", index) for index in range(len(images))]
    logits = classify(critic, images, streams, dtype).cpu().double().numpy()
    difference: np.ndarray = logits[:, FAKE] - logits[:, REAL]
    return difference


def mean_difference(logits: np.ndarray, reference: np.ndarray) -> Estimate:
    """Mean logit of a variant minus that of the reference, with its interval paired over images; lower is better.

    Args:
        logits: (N,), `fake_logits` of a variant.
        reference: (N,) of the reference; image i of both comes from the same noise.
    """
    paired = logits - reference
    return _mean_with(float(paired.mean()), paired)


def _mean_with(value: float, influence: np.ndarray) -> Estimate:
    """A figure whose error over images is that of the mean of its influence."""
    return intervals.normal(value, float(np.std(influence, ddof=1)) / math.sqrt(len(influence)))


def _is_flat(guidance_map: np.ndarray) -> bool:
    return bool(np.ptp(guidance_map) <= np.finfo(np.float32).eps)
