"""Guidance maps besides the mFAM: the paper's alternatives (Table 7) and the controls (method 11.3).

A control is a function of the run's own mFAM at the same refresh, M_k, and of the first one, M_0: it shares with the
mFAM what it does not test.
"""

import functools
import math
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from selfrefine.core import random_streams
from selfrefine.core.flat_maps import CONSTANT
from selfrefine.guidance import canny
from selfrefine.highlighter.gradcam import enlarge, mean_map, minmax

GuidanceMap = Literal[
    "mfam",  # the paper's
    "real_map",  # the same highlighter's mean map of real training images
    "label_shuffled",  # the mean map of a highlighter that was trained on permuted labels
    "uniform",  # mean of M_k everywhere
    "cells",  # M_k with its CAM cells permuted
    "rot180",  # M_k turned upside down
    "smooth_random",  # a random pattern with the spectrum of M_0 and the histogram of M_k
    "moment_gap",  # where generated and real images differ in mean and standard deviation
    "frozen",  # M_0
    "mfam_inverted",  # 1 - M_k
    "centred_plus",  # M_k minus its mean: the pattern without the strength
    "centred_minus",  # the same with the other sign
    "gaussian_center",
    "gaussian_inverted",
    "edge",
]
UNCORRELATED = 0.2  # a drawn control is drawn again until |r| with M_0 is below (method 11.3)
DRAWS = 1000  # at most; then the least correlated one is taken, and the run's log shows its correlation
SPECTRUM_ROUNDS = 20  # of imposing the spectrum and the histogram in turn

Drawn = TypeVar("Drawn")


# -- comparing maps ----------------------------------------------------------------------------------------------------


def correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's r over the pixels of two maps of one shape; nan if one of them is constant."""
    pair = torch.stack([one.flatten(), other.flatten()]).cpu().double()
    if float(pair.std(dim=1, correction=0).min()) < CONSTANT:
        return math.nan
    return float(torch.corrcoef(pair)[0, 1])


def matched(some_map: Tensor, mfam: Tensor) -> Tensor:
    """`some_map` with mean and standard deviation of `mfam`: affine, clipped to [0, 1], affine again. Method 5.6."""
    return _affine(_affine(some_map, mfam).clamp(0.0, 1.0), mfam)


def _affine(some_map: Tensor, to: Tensor) -> Tensor:
    spread = some_map.std(correction=0)
    if float(spread) < CONSTANT:
        return to.mean().expand_as(to).clone()
    return (some_map - some_map.mean()) * (to.std(correction=0) / spread) + to.mean()


# -- controls: functions of M_k and M_0 --------------------------------------------------------------------------------


def control(kind: GuidanceMap, mfam: Tensor, first: Tensor, *, seed: int, grid: int, input_size: int) -> Tensor:
    """The map of this kind that goes with an mFAM, on its device. Method 11.3.

    Args:
        kind: any kind that is made of no images.
        mfam: M_k, (H, H) float32 in [0, 1].
        first: M_0, the same shape.
        seed: of the run.
        grid: CAM cells per side.
        input_size: px that the highlighter sees, to which cells are enlarged.

    Returns:
        (H, H) float32.
    """
    match kind:
        case "mfam":
            return mfam
        case "frozen":
            return first
        case "uniform":
            return mfam.mean().expand_as(mfam)
        case "cells":
            return permuted_cells(mfam, first, seed=seed, grid=grid, input_size=input_size)
        case "smooth_random":
            return smooth_random(mfam, first, seed=seed)
        case "rot180":
            return mfam.flip(0, 1)
        case "mfam_inverted":
            return 1.0 - mfam
        case "centred_plus":
            return mfam - mfam.mean()
        case "centred_minus":
            return mfam.mean() - mfam
        case "gaussian_center":
            return gaussian_center(len(mfam)).to(mfam.device)
        case "gaussian_inverted":
            return 1.0 - gaussian_center(len(mfam)).to(mfam.device)
        case _:
            raise ValueError(f"{kind} is made of images")


def permuted_cells(mfam: Tensor, first: Tensor, *, seed: int, grid: int, input_size: int) -> Tensor:
    """M_k whose CAM cells change places, with the mean and standard deviation of M_k; the permutation is one per seed.

    The cells are read off the map itself: it is a linear image of their mean over the images, each scaled to [0, 1].
    """
    enlarging = _enlarging(min(grid, len(mfam)), input_size, len(mfam))

    def shown(some_map: Tensor, order: Tensor) -> Tensor:
        values = torch.linalg.lstsq(enlarging, some_map.flatten().cpu().double()[:, None], driver="gelsd").solution
        return matched((enlarging @ values[order])[:, 0].view(some_map.shape).float().to(some_map.device), some_map)

    order = _uncorrelated(
        lambda draws: torch.randperm(enlarging.shape[1], generator=draws),
        lambda order: shown(first, order),
        first,
        seed,
    )
    return shown(mfam, order)


@functools.cache
def _enlarging(grid: int, input_size: int, size: int) -> Tensor:
    """The linear map from grid^2 cells to the size^2 pixels of a mean map, (size^2, grid^2) float64."""
    cells = torch.eye(grid**2, dtype=torch.float64).view(-1, grid, grid)
    return torch.stack([mean_map(one[None], size).flatten() for one in enlarge(cells, input_size)], dim=1)


def smooth_random(mfam: Tensor, first: Tensor, *, seed: int) -> Tensor:
    """Values of M_k in the order of a random pattern that has the spectrum and histogram of M_0 and is one per seed.

    The pattern is a surrogate with random phases (Schreiber & Schmitz 1996).
    """
    pattern = _uncorrelated(
        lambda draws: surrogate(first.cpu().double(), draws),
        lambda pattern: pattern.float().to(first.device),
        first,
        seed,
    )
    return _reordered(mfam.cpu(), pattern).to(mfam.device)


def surrogate(some_map: Tensor, draws: torch.Generator) -> Tensor:
    """A random map with the histogram of `some_map`, and nearly its spectrum; (H, W) float64."""
    amplitude = torch.fft.fft2(some_map).abs()
    pattern = torch.randn(some_map.shape, generator=draws, dtype=torch.float64)
    for _ in range(SPECTRUM_ROUNDS):
        phases = torch.fft.fft2(pattern).angle()
        pattern = _reordered(some_map, torch.fft.ifft2(torch.polar(amplitude, phases)).real)
    return pattern


def _reordered(values: Tensor, pattern: Tensor) -> Tensor:
    """The values of a map, in the places where `pattern` has the same rank."""
    ranks = pattern.flatten().argsort(stable=True).argsort(stable=True)
    return values.flatten().sort().values[ranks].view(values.shape)


def _uncorrelated(
    draw: Callable[[torch.Generator], Drawn], show: Callable[[Drawn], Tensor], first: Tensor, seed: int
) -> Drawn:
    """The first of the seed's draws whose map has |r| < UNCORRELATED with M_0; else the least correlated one."""
    draws = random_streams.stream(seed, "control", 0)
    best, least = draw(draws), math.inf
    candidate = best
    for _ in range(DRAWS):
        # a constant M_0 has no correlation: the first draw will do
        r = abs(correlation(first, show(candidate)))
        if not r >= UNCORRELATED:
            return candidate
        if r < least:
            best, least = candidate, r
        candidate = draw(draws)
    return best


# -- the paper's alternatives, and maps of images ----------------------------------------------------------------------


def gaussian_center(size: int) -> Tensor:
    """1 at the centre, 0 at the corners: (size, size) float32, exp(-r^2 / (2 (size/4)^2)) scaled to [0, 1]. Method 5.6.

    # Not in paper: a standard deviation of a quarter of the size, because the paper gives none.
    """
    distance = torch.arange(size) - (size - 1) / 2
    bell = torch.exp(-(distance**2) / (2 * (size / 4) ** 2))
    return minmax((bell[:, None] * bell[None, :])[None])[0]


def edge(levels: Tensor) -> Tensor:
    """Share of images with an edge at each pixel: the mean of `single_edges`. (H, W) float32 in [0, 1]. Method 5.6."""
    return single_edges(levels).mean(dim=0)


def single_edges(levels: Tensor) -> Tensor:
    """Canny's edges of each image.

    # Not in paper: thresholds of 100 and 200 on the images of the refresh, because the paper gives none.

    Args:
        levels: (N, 3, H, W), grey levels 0 ... 255.

    Returns:
        (N, H, W) float32, 0 or 1, on the device of `levels`.
    """
    luma = torch.tensor([0.299, 0.587, 0.114], device=levels.device).view(1, 3, 1, 1)
    grey = (levels.float() * luma).sum(dim=1).round()
    return canny.canny(grey, low=100, high=200).float()


def moment_gap(fakes: Tensor, mean: Tensor, std: Tensor, grid: int) -> Tensor:
    """Where generated images differ from real ones in their first two moments, without any gradient. Method 11.3.

    Args:
        fakes: (N, C, H, H) float32 in [-1, 1].
        mean: of the real images, (C, H, H) float32.
        std: of the real images.
        grid: CAM cells per side, to whose resolution the map is smoothed.

    Returns:
        (H, H) float32 from 0 to 1.
    """
    return gap_of_moments(fakes.mean(dim=0)[None], fakes.std(dim=0, correction=0)[None], mean, std, grid)[0]


def gap_of_moments(fake_mean: Tensor, fake_std: Tensor, mean: Tensor, std: Tensor, grid: int) -> Tensor:
    """`moment_gap` of several sets of images, whose moments are (N, C, H, H) each: (N, H, H)."""
    gap = ((fake_mean - mean).abs() + (fake_std - std).abs()).mean(dim=1)
    cells = functional.adaptive_avg_pool2d(gap[:, None], min(grid, gap.shape[-1]))[:, 0]
    return minmax(enlarge(cells, gap.shape[-1]))
