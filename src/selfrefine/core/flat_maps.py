"""Maps that show no place: 0 everywhere, or another number everywhere."""

from collections.abc import Iterable

CONSTANT = 1e-6  # standard deviation over pixels below which a map counts as constant, and mean below which as 0


def counted(means: Iterable[float], deviations: Iterable[float]) -> tuple[int, int]:
    """How many of some maps are 0 everywhere, and how many are constant and not 0, by their means and deviations."""
    flat = [mean for mean, deviation in zip(means, deviations, strict=True) if deviation < CONSTANT]
    empty = sum(abs(mean) < CONSTANT for mean in flat)
    return empty, len(flat) - empty
