"""Stored features of all rows of a table: reading them, and checking that they may be compared."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from selfrefine.core import arrays as core_arrays
from selfrefine.core.errors import DamagedError, InputError

LEAST_IMAGES = 3  # the jackknife of the kernel distance divides by n - 2
REAL = TRAIN, TEST = "train", "test"  # the rows of real images
Spaces = dict[str, dict[str, np.ndarray]]  # feature network -> row -> (N, D)


def key(row: str, network: str) -> str:
    """The name of an array in the file of extract_features."""
    return f"{row}/{network}"


def read(paths: Sequence[Path], rows: Sequence[str], neighbours: int) -> Spaces:
    """Reads the features of rows that are compared: float32, as they are stored.

    Args:
        paths: of extract_features, arrays `row/network`; those of photographs last.
        rows: which; others are left out.
        neighbours: evaluate_generation.neighbours in params.yaml; every row needs more images than that.

    Raises:
        InputError: a row that is missing, has another shape than the others (real images may differ in number) or a
            value that is not finite; too few images.
    """
    spaces: Spaces = {}
    for path in paths:
        for name, array in core_arrays.read_arrays(path).items():
            row, _, network = name.partition("/")
            spaces.setdefault(network, {})[row] = array
    where = " and ".join(map(str, paths))
    if not spaces:
        raise InputError(
            f"{where}: no features in it; extract_features.networks in params.yaml names the feature networks"
        )
    for network, arrays in spaces.items():
        if missing := [row for row in rows if row not in arrays]:
            raise DamagedError(paths[-1 if missing[0] in REAL else 0], f"no {key(missing[0], network)} in it")
        spaces[network] = {row: arrays[row] for row in rows}
        _check(where, network, spaces[network], neighbours)
    return spaces


def _check(where: str, network: str, arrays: dict[str, np.ndarray], neighbours: int) -> None:
    """Checks that the rows of one network compare."""
    (first_row, first), *_ = arrays.items()
    for row, array in arrays.items():
        name = key(row, network)
        if array.ndim != 2:
            raise InputError(f"{where}: {name} has the shape {array.shape}, (images, features) needed")
        if not np.isfinite(array).all():
            image = int(np.argmin(np.isfinite(array).all(axis=1)))
            raise InputError(
                f"{where}: {name} of image {image} is not finite; look at that image and at the network's weights"
            )
        if array.shape[1:] != first.shape[1:] or (len(array) != len(first) and row not in REAL):
            raise InputError(
                f"{where}: {name} has {array.shape} (images, features), but {key(first_row, network)} has "
                f"{first.shape}; every row needs the same extract_features.n_images of params.yaml"
            )
    least = max(LEAST_IMAGES, neighbours + 1)
    if (fewest := min(map(len, arrays.values()))) < least:
        raise InputError(
            f"{where}: {fewest} images in a row, {least} or more needed; raise extract_features.n_images in params.yaml"
        )


def digest(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 of the bytes of one row's features in all networks, in hex: rows of other images differ."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
