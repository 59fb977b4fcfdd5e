"""A guidance map and what it would be without each of its images, for its error over images (method 11.2)."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from selfrefine.guidance import control_maps


class Evidence(Protocol):
    """A map and what it would be without each of its images; P pixels, row by row."""

    @property
    def source(self) -> str:
        """Which images it is made of: maps of one source share image i. "" for none."""

    @property
    def value(self) -> np.ndarray:
        """The map of all images, (P,) float64."""

    def __len__(self) -> int:
        """Number of images."""

    def without(self, rows: slice) -> np.ndarray:
        """The maps that lack one image each, (len(rows), P) float64."""


@dataclass(frozen=True)
class MeanMap:
    """The mean of one map per image.

    Args:
        single: (n, P) float32.
        source: of the images.
    """

    single: np.ndarray
    source: str

    @cached_property
    def value(self) -> np.ndarray:
        """(P,) float64."""
        mean: np.ndarray = self.single.mean(axis=0, dtype=np.float64)
        return mean

    def __len__(self) -> int:
        return len(self.single)

    def without(self, rows: slice) -> np.ndarray:
        """(len(rows), P) float64."""
        n = len(self)
        left: np.ndarray = (n * self.value - self.single[rows]) / (n - 1)
        return left


@dataclass(frozen=True)
class FixedMap:
    """A map that is made of no images, (P,)."""

    value: np.ndarray
    source: str = ""

    def __len__(self) -> int:
        return 0

    def without(self, rows: slice) -> np.ndarray:
        """Nothing: there are no images."""
        return np.zeros((0, len(self.value)))


@dataclass(frozen=True)
class MomentGap:
    """`control_maps.moment_gap` of generated images; the moments of the real ones, of all training images, are fixed.

    Where the gap is not above the noise of the images, its error is understated: an absolute value has a kink at 0.

    Args:
        images: (n, C, H, H) float64 in [-1, 1].
        mean: of the real images, (C, H, H).
        std: likewise.
        grid: CAM cells per side.
        source: of the images.
    """

    images: torch.Tensor
    mean: torch.Tensor
    std: torch.Tensor
    grid: int
    source: str

    @cached_property
    def _sums(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.images.sum(dim=0), self.images.square().sum(dim=0)

    @cached_property
    def value(self) -> np.ndarray:
        """(P,) float64 from 0 to 1."""
        total, squares = self._sums
        (gap,) = self._gap(total[None], squares[None], len(self))
        return np.asarray(gap)

    def __len__(self) -> int:
        return len(self.images)

    def without(self, rows: slice) -> np.ndarray:
        """(len(rows), P) float64."""
        (total, squares), left_out = self._sums, self.images[rows]
        return self._gap(total - left_out, squares - left_out.square(), len(self) - 1)

    def _gap(self, total: torch.Tensor, squares: torch.Tensor, n: int) -> np.ndarray:
        mean = total / n
        std = (squares / n - mean.square()).clamp(min=0.0).sqrt()
        gap: np.ndarray = control_maps.gap_of_moments(mean, std, self.mean, self.std, self.grid).flatten(1).numpy()
        return gap
