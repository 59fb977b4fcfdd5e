"""Fréchet distance between Gaussians fitted to features, in float64, and the influence of each image on it.

Only on the features of FID_NETWORK is it the FID; on any other network it is called FD.
"""

import functools
from dataclasses import dataclass

import numpy as np

FID_NETWORK = "inception-v3-compat"  # of extract_features.networks; torch-fidelity's name


def distance_name(network: str) -> str:
    """What the distance is called in a feature space."""
    return "FID" if network == FID_NETWORK else "FD"


@dataclass(frozen=True)
class Gaussian:
    """Mean (D,) and covariance (D, D) of a set of features."""

    mean: np.ndarray
    covariance: np.ndarray

    @functools.cached_property
    def root(self) -> np.ndarray:
        """The symmetric square root of the covariance."""
        values, vectors = np.linalg.eigh(self.covariance)
        root: np.ndarray = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
        return root


def gaussian(features: np.ndarray) -> Gaussian:
    """Fits a Gaussian to (N, D) features, with the unbiased covariance (as pytorch-fid and torch-fidelity do)."""
    features = features.astype(np.float64, copy=False)
    return Gaussian(features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)))


def frechet_distance(sample: Gaussian, reference: Gaussian) -> float:
    """|m_s - m_r|^2 + tr(S_s + S_r - 2 (S_s S_r)^1/2) (Heusel et al. 2017, eq. 6).

    The trace of the square root is taken from the eigenvalues of the symmetric S_r^1/2 S_s S_r^1/2, which has those of
    S_s S_r: real, and faster than a matrix square root.
    """
    shift = sample.mean - reference.mean
    values = np.linalg.eigvalsh(reference.root @ sample.covariance @ reference.root).clip(min=0.0)
    traces = np.trace(sample.covariance) + np.trace(reference.covariance)
    return max(0.0, float(shift @ shift + traces - 2.0 * np.sqrt(values).sum()))


def influence(features: np.ndarray, sample: Gaussian, reference: Gaussian) -> np.ndarray:
    """How much each image of a sample adds to its Fréchet distance from a fixed reference (method 11.5).

    phi_i = 2 (x_i - m_s)'(m_s - m_r) + (x_i - m_s)'(I - T)(x_i - m_s), centred, where T carries the sample's Gaussian
    to the reference's. With S_r^1/2 S_s S_r^1/2 = U W U', T = S_r^1/2 U W^-1/2 U' S_r^1/2: no covariance is inverted,
    and directions without variance (features that never fire) are left out.

    Args:
        features: (N, D), those `sample` was fitted to.
        sample: `gaussian(features)`.
        reference: of the real images, taken as exact.

    Returns:
        (N,) with mean 0.
    """
    centred = features - sample.mean
    values, vectors = np.linalg.eigh(reference.root @ sample.covariance @ reference.root)
    kept = values > values.max() * np.finfo(np.float64).eps * len(values)
    carried = centred @ (reference.root @ vectors[:, kept])
    quadratic = (centred**2).sum(axis=1) - (carried**2 / np.sqrt(values[kept])).sum(axis=1)
    phi: np.ndarray = 2.0 * centred @ (sample.mean - reference.mean) + quadratic
    phi -= phi.mean()
    return phi
