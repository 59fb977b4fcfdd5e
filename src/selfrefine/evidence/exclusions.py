"""Whose answers do not count: by a rule on images with a gross planted flaw, fixed in the params before data come in.

Method 12.5. Nobody is excluded for what he or she picked on a generated image.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.evidence.human_picks import Picks
from selfrefine.evidence.pointing_game import HIGHEST


@dataclass(frozen=True)
class CatchRule:
    """When a participant has looked.

    Args:
        cells: picks, of the three, that must lie in the flaw of a catch image to pass it (all of the flaw's cells where
            it has fewer), 1 to 3.
        share: of the catch images that a participant has answered; who passes fewer is excluded, in (0, 1].
    """

    cells: int
    share: float

    def __post_init__(self) -> None:
        """Refuses a rule that nobody can pass, or nobody fail."""
        if not 1 <= self.cells <= HIGHEST or not 0.0 < self.share <= 1.0:
            raise InputError(
                f"params.yaml: a catch rule of {self.cells} cells and a share of {self.share} given; 1 to {HIGHEST} "
                "cells and a share above 0, at most 1, needed"
            )


def excluded(participants: Collection[int], catch: Picks, flaws: np.ndarray, rule: CatchRule) -> frozenset[int]:
    """The participants whose answers are left out, those among them who have answered no catch image.

    Args:
        participants: all of them.
        catch: their answers for the catch images.
        flaws: (catch images, n) bool, the cells of each planted flaw.
        rule: what is needed.
    """
    passed = _passed(catch.cells, flaws[catch.images], rule)
    shares = {int(who): float(passed[catch.participants == who].mean()) for who in np.unique(catch.participants)}
    # A share of 2/3 is passed by two of three, whatever the rounding.
    return frozenset(who for who in participants if not shares.get(who, -1.0) >= rule.share - 1e-9)


def _passed(cells: np.ndarray, flaws: np.ndarray, rule: CatchRule) -> np.ndarray:
    """Which answers (A, 3) have enough cells in the flaw of their image, (A, n) bool: (A,) bool."""
    inside = np.take_along_axis(flaws, cells, axis=1).sum(axis=1)
    passed: np.ndarray = inside >= np.minimum(rule.cells, flaws.sum(axis=1))
    return passed
