import numpy as np
import pytest

from selfrefine.core.errors import InputError
from selfrefine.evidence.exclusions import CatchRule, excluded
from selfrefine.evidence.human_picks import Picks

FLAWS = np.zeros((3, 9), bool)
FLAWS[0, [0, 1]] = FLAWS[1, [4, 5, 7, 8]] = FLAWS[2, [2]] = True


def answers(*rows):
    """(participant, catch image, cells)."""
    who, shown, cells = zip(*rows, strict=True)
    return Picks(np.array(who), np.array(shown), np.array(cells))


def test_who_looks_past_the_planted_flaws_is_excluded():
    """0 passes all, 1 two of three, 2 one of two, 3 saw none: with two thirds needed 0 and 1 stay."""
    catch = answers(
        (0, 0, [0, 1, 8]), (0, 1, [4, 7, 0]), (0, 2, [2, 3, 4]),
        (1, 0, [0, 1, 2]), (1, 1, [4, 0, 1]), (1, 2, [1, 2, 0]),
        (2, 0, [0, 1, 2]), (2, 1, [0, 1, 2]),
    )  # fmt: skip
    rule = CatchRule(cells=2, share=2 / 3)
    assert excluded([0, 1, 2, 3], catch, FLAWS, rule) == {2, 3}
    assert excluded([0, 1], catch, FLAWS, rule) == frozenset()
    assert excluded([0, 1, 2, 3], catch, FLAWS, CatchRule(cells=1, share=1.0)) == {2, 3}
    assert excluded([0, 1, 2, 3], catch, FLAWS, CatchRule(cells=2, share=1.0)) == {1, 2, 3}


@pytest.mark.parametrize(("cells", "share"), [(0, 0.5), (4, 0.5), (1, 0.0), (1, 1.1)])
def test_a_rule_that_nobody_passes_or_fails_is_refused(cells, share):
    with pytest.raises(InputError, match="a catch rule of"):
        CatchRule(cells, share)
