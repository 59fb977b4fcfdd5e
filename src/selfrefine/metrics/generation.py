"""All figures of generated images in one feature space."""

import functools
from dataclasses import dataclass

import numpy as np

from selfrefine.metrics import balls, frechet, intervals, neighbours
from selfrefine.metrics.balls import Balls
from selfrefine.metrics.intervals import Estimate
from selfrefine.metrics.kernel import Pool, kernel_distance


@dataclass(frozen=True)
class ImageSet:
    """Features of one set of images, (N, D) float64, and what the metrics need of it, made once when first asked for.

    Args:
        features: (N, D) float64.
        neighbours: which nearest neighbour bounds an image's ball (evaluate_generation.neighbours in params.yaml).
    """

    features: np.ndarray
    neighbours: int

    @functools.cached_property
    def gaussian(self) -> frechet.Gaussian:
        """Mean and covariance."""
        return frechet.gaussian(self.features)

    @functools.cached_property
    def pool(self) -> Pool:
        """For the kernel distance."""
        return Pool(self.features)

    @functools.cached_property
    def balls(self) -> Balls:
        """For precision, recall, clipped density and clipped coverage."""
        return Balls(self.features, self.neighbours)


@dataclass(frozen=True)
class RealImages:
    """The two splits that generated images are compared with, in the same feature space."""

    train: ImageSet
    test: ImageSet


def measure(sample: ImageSet, real: RealImages) -> dict[str, Estimate]:
    """All figures of one set of generated images: those of `compare` to test, FD to train and memorisation.

    The nearest neighbour is looked for among the first images of both splits, equally many.
    """
    pool = min(len(real.train.features), len(real.test.features))
    return {
        **compare(sample, real.test),
        "fd_train": distance(sample, real.train),
        "nearest_in_train": neighbours.nearest_in_train(
            sample.features, real.train.features[:pool], real.test.features[:pool]
        ),
    }


def compare(sample: ImageSet, test: ImageSet) -> dict[str, Estimate]:
    """Distances from a set of images to the real test images, and the figures of `balls`.

    With the training images as the sample it is the floor: what a perfect generator would show at this n.
    """
    return {
        "fd_test": distance(sample, test),
        "kid_test": intervals.normal(*kernel_distance(sample.pool, test.pool)),
        **{name: Estimate(value) for name, value in balls.figures(sample.balls, test.balls).items()},
    }


def log_difference(sample: ImageSet, reference: ImageSet, test: ImageSet) -> Estimate:
    """log FD(sample) - log FD(reference), both to test, with its interval paired over images (method 11.5).

    Args:
        sample: of the variant.
        reference: of the row that it is compared with; image i of both comes from the same noise.
        test: real test images.
    """
    own = frechet.frechet_distance(sample.gaussian, test.gaussian)
    other = frechet.frechet_distance(reference.gaussian, test.gaussian)
    if not intervals.enough_images(*sample.features.shape):
        return Estimate(intervals.log_ratio(own, other))
    return intervals.log_ratio_interval(own, other, _influence(sample, test), _influence(reference, test))


def distance(sample: ImageSet, real: ImageSet) -> Estimate:
    """FD of two sets, with its interval over images where there are enough of them."""
    found = frechet.frechet_distance(sample.gaussian, real.gaussian)
    if not intervals.enough_images(*sample.features.shape):
        return Estimate(found)
    return intervals.distance_interval(found, _influence(sample, real))


def _influence(sample: ImageSet, real: ImageSet) -> np.ndarray:
    return frechet.influence(sample.features, sample.gaussian, real.gaussian)
