"""How many images and people a study needs to show a difference between two maps (method 12.6).

Both are samples, so neither makes up for the other: with few people, ever more images leave the people's own
differences. The standard error is that of `two_way_bootstrap`, the test Student's t with Satterthwaite's degrees of
freedom.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import nctdtr, stdtrit  # type: ignore[import-untyped]

from selfrefine.evidence.pointing_game import HIGHEST
from selfrefine.evidence.two_way_bootstrap import FEWEST, Components
from selfrefine.metrics.intervals import CONFIDENCE

MOST_IMAGES = 500  # nobody looks at more


class Need(NamedTuple):
    """So many people need so many images each; None: no number of images up to MOST_IMAGES is enough for them."""

    people: int
    images: int | None


def images_and_people(difference: float, varies: Components, people: Sequence[int], power: float = 0.8) -> list[Need]:
    """The fewest images with which each number of people shows a difference, two-sided at 95 %.

    Args:
        difference: of shares, 0.1 for ten points.
        varies: standard deviations of an answer's difference, of a pilot (`human_picks.measure`) or assumed.
        people: numbers to look at, FEWEST or more each; everybody answers for all images.
        power: probability that the interval leaves out 0 if the difference is real.
    """
    found = []
    for count in people:
        enough = (n for n in range(FEWEST, MOST_IMAGES + 1) if detects(difference, varies, count, n) >= power)
        found.append(Need(count, next(enough, None)))
    return found


def detects(difference: float, varies: Components, people: int, images: int) -> float:
    """The probability that a study of this size shows the difference, in its direction."""
    noise = varies.answers**2 / (people * images)
    by_people, by_images = varies.people**2 / people + noise, varies.images**2 / images + noise
    variance = by_people + by_images - noise
    if variance == 0.0:
        return 1.0
    freedom = variance**2 / (by_people**2 / (people - 1) + by_images**2 / (images - 1))
    reach = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2.0))
    return 1.0 - float(nctdtr(freedom, difference / math.sqrt(variance), reach))


def answer_noise(n_cells: int, share: float) -> float:
    """The standard deviation of an answer's share of three cells that lie in a map's three with this mean share.

    That of drawing three of n cells without putting them back, where 3/n is by chance; above it the cells of the map
    are merely more likely.
    """
    return math.sqrt(share * (1.0 - share) / HIGHEST * (n_cells - HIGHEST) / (n_cells - 1))
