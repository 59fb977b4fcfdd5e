"""Names of the figures of planted flaws of several sizes: evaluate_highlighter writes them, Table 6 reads them."""

from typing import NamedTuple

HIT, LESS_CENTRE, LESS_OTHERS, LESS_REAL = "hit", "less_centre", "less_others", "less_real"
CHANCE = "chance"  # in the place of a kind of patch: three cells at random
PREFIX = "planted_at"


class Planted(NamedTuple):
    """What a figure is of: a patch's side as a share of the image's, its kind, and what was taken off its hits."""

    share: float
    kind: str
    figure: str


def planted_at(share: float, kind: str = CHANCE, figure: str = HIT) -> str:
    """The name of a figure: planted_at:0.25:blur:less_others."""
    return f"{PREFIX}:{share:g}:{kind}:{figure}"


def read(metric: str) -> Planted | None:
    """What a metric is of; None for any other than of planted flaws of several sizes."""
    prefix, *parts = metric.split(":")
    return Planted(float(parts[0]), parts[1], parts[2]) if prefix == PREFIX and len(parts) == 3 else None
