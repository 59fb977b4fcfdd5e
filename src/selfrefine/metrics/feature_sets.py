"""Stored features: reading them, and checking that sets of them may be compared."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from selfrefine import files
from selfrefine.errors import InputError

LEAST_IMAGES = 3  # the jackknife of the kernel distance divides by n - 2
Features = dict[str, np.ndarray]  # feature space -> (N, D)


def read(path: Path) -> Features:
    """Reads the features of one image set: feature space -> (N, D) float64.

    Raises:
        InputError: nothing in it, another shape, or a value that is not finite.
    """
    spaces = {name: array.astype(np.float64) for name, array in files.read_arrays(path).items()}
    if not spaces:
        raise InputError(
            f"{path}: no features in it; extract_features.networks in params.yaml names the feature spaces"
        )
    for name, array in spaces.items():
        if array.ndim != 2:
            raise InputError(f"{path}: {name} has the shape {array.shape}, (images, features) needed")
        if not np.isfinite(array).all():
            image = int(np.argmin(np.isfinite(array).all(axis=1)))
            raise InputError(
                f"{path}: {name} of image {image} is not finite; look at that image and at the network's weights"
            )
    return spaces


def check_comparable(sets: Mapping[Path, Features], neighbours: int) -> None:
    """Checks that all sets have the same feature spaces and, in each, the same numbers of images and features.

    Args:
        sets: features of each image set, by their file.
        neighbours: evaluate_generation.neighbours in params.yaml; each set needs more images than that.

    Raises:
        InputError: the first set that differs from the first of all, or too few images.
    """
    (first_path, first), *others = sets.items()
    for path, spaces in others:
        if spaces.keys() != first.keys():
            raise InputError(
                f"{path} has the feature spaces {', '.join(sorted(spaces))}, but {first_path} has "
                f"{', '.join(sorted(first))}; delete the older one and run the same command"
            )
        for name, array in spaces.items():
            if array.shape != first[name].shape:
                raise InputError(
                    f"{path} has {array.shape} (images, features) in {name}, but {first_path} has {first[name].shape}; "
                    "every row needs the same extract_features.n_images of params.yaml"
                )
    n_images = len(next(iter(first.values())))
    least = max(LEAST_IMAGES, neighbours + 1)
    if n_images < least:
        raise InputError(
            f"{first_path} has {n_images} images, {least} or more needed; "
            "raise extract_features.n_images in params.yaml"
        )
