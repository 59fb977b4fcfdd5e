"""Real images, half of them mirrored: a choice for good, read in parts."""

import numpy as np
import pytest

from selfrefine.core.mirrored import Mirrored, as_trained
from selfrefine.highlighter.data import RealsAndFakes
from selfrefine.highlighter.model import REAL
from selfrefine.metrics import frechet
from tests.support.counted import Counted


def lopsided(n: int, seed: int = 0) -> np.ndarray:
    """Images that are never their own mirror image: bright on the left."""
    images = np.random.default_rng(seed).integers(0, 80, (n, 8, 8, 3), np.uint8)
    images[:, :, :3] += 150
    return images


def test_about_half_are_mirrored_and_the_others_are_as_stored() -> None:
    images = lopsided(400)
    found = Mirrored(images)[:]
    turned = np.array([np.array_equal(one, stored[:, ::-1]) for one, stored in zip(found, images, strict=True)])
    kept = np.array([np.array_equal(one, stored) for one, stored in zip(found, images, strict=True)])
    assert (turned ^ kept).all()
    assert 0.4 < turned.mean() < 0.6


@pytest.mark.parametrize(
    "rows", [slice(3, 9), slice(None, None, 2), np.array([7, 1, 1, 30]), np.zeros(0, int)], ids=str
)
def test_a_part_is_that_of_the_whole_and_alone_is_read(rows: slice | np.ndarray) -> None:
    images = lopsided(40)
    stored = images.copy()
    part = Mirrored(images)[rows]
    assert np.array_equal(part, Mirrored(images)[:][rows])
    part[:] = 0
    assert np.array_equal(images, stored), "what is read is a copy"


def test_images_that_are_not_asked_for_are_not_read() -> None:
    counted = Counted(40)
    Mirrored(counted)[5:8]
    assert counted.rows == 3


def test_nothing_is_done_where_training_does_not_mirror() -> None:
    images = lopsided(4)
    assert as_trained(images, horizontal_flip=False) is images
    assert isinstance(as_trained(images, horizontal_flip=True), Mirrored)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_highlighter_meets_reals_as_a_perfect_network_would_make_them(part: str) -> None:
    """Else the side that is bright would give the generated images away."""
    real, fake = lopsided(2000), Mirrored(lopsided(2000, seed=1))[:]
    sides = []
    for horizontal_flip in (False, True):
        batch = RealsAndFakes(as_trained(real, horizontal_flip), fake, seed=0).part(part)  # type: ignore[arg-type]
        left = batch.images[:, :, :4].mean(axis=(1, 2, 3)) > batch.images[:, :, 4:].mean(axis=(1, 2, 3))
        sides.append([left[(batch.labels == label).numpy()].mean() for label in (REAL, 1 - REAL)])
    (plain, fakes), (mirrored, _) = sides
    assert plain == 1.0
    assert abs(mirrored - fakes) < 0.2


def test_a_perfect_network_is_as_near_as_other_reals_are() -> None:
    """FD of mirrored samples, on raw pixels: to mirrored reals that of the floor, to stored ones far more."""
    real, other, made = lopsided(3000), lopsided(3000, seed=1), Mirrored(lopsided(3000, seed=2))[:]
    shrunk = lambda images: np.asarray(images[:][:, ::4, :, 0], np.float64).reshape(len(images), -1)  # noqa: E731
    distances = {
        name: frechet.frechet_distance(*(frechet.gaussian(shrunk(images)) for images in pair))
        for name, pair in {
            "floor": (as_trained(other, True), as_trained(real, True)),
            "mirrored": (made, as_trained(real, True)),
            "stored": (made, real),
        }.items()
    }
    assert distances["mirrored"] < 2 * distances["floor"]
    assert distances["stored"] > 20 * distances["floor"]
