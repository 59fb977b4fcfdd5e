"""People of known habits, who exist in tests alone: they pick cells by a taste of their own and by what they see."""

import numpy as np

from selfrefine.evidence.human_picks import Picks


def gumbel_picks(draws: np.random.Generator, pull: np.ndarray) -> np.ndarray:
    """Three cells of each row, one after the other, each with probability in proportion to exp(pull): (A, 3) int.

    Args:
        draws: random numbers.
        pull: (A, n), how much each cell draws the eye.
    """
    noisy = pull + draws.gumbel(size=pull.shape)
    return np.argpartition(-noisy, 2, axis=1)[:, :3]


def crossed(people: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Who answers for which image, everybody for all: (people * images,) twice."""
    who, shown = np.meshgrid(np.arange(people), np.arange(images), indexing="ij")
    return who.ravel(), shown.ravel()


def study(draws: np.random.Generator, maps: np.ndarray, people: int, *, taste: float, centre: np.ndarray) -> Picks:
    """Answers of people to all images: each follows the maps by a strength of his or her own, and all the centre.

    Args:
        draws: random numbers.
        maps: (images, n), what there is to see.
        people: how many.
        taste: standard deviation of the strengths, whose mean is 2.
        centre: (n,), what draws the eye whatever there is to see.
    """
    who, shown = crossed(people, len(maps))
    strength = 2.0 + taste * draws.normal(size=people)
    return Picks(who, shown, gumbel_picks(draws, strength[who, None] * maps[shown] + centre))


def shares(
    draws: np.random.Generator, people: int, images: int, spread: tuple[float, float], mean: float
) -> np.ndarray:
    """Shares of three picks that hit, (people, images): their log-odds are a mean, a person's part and an image's."""
    odds = mean + spread[0] * draws.normal(size=(people, 1)) + spread[1] * draws.normal(size=(1, images))
    return draws.binomial(3, 1.0 / (1.0 + np.exp(-odds))) / 3.0


def expected_share(spread: tuple[float, float], mean: float) -> float:
    """The mean of `shares` over all people and images there could be, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(101)
    odds = mean + np.hypot(*spread) * nodes
    return float((weights / (1.0 + np.exp(-odds))).sum() / weights.sum())
