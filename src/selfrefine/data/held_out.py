"""Which marked images test a map, and which its highlighter learns from: their own pixels decide."""

import numpy as np

from selfrefine.core.errors import InputError
from selfrefine.data.human_marks import HumanMarks
from selfrefine.data.split_names import position

FEWEST_LEARNED = 10  # of which `highlighter.data.split` makes three parts


def divide(found: HumanMarks, n_evaluated: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are held out, and rows that are learned from, both in an order of no meaning.

    Only an image with marked and unmarked places can tell anything of a map's places. All others are learned from, also
    those without marks: they are generated, too.

    Args:
        found: the set.
        n_evaluated: images that are held out.
        seed: of the order.

    Raises:
        InputError: too few images.
    """
    order = sorted(range(len(found.names)), key=lambda row: position(found.digests[row], seed))
    telling = [row for row in order if (marks := found.marks[row]) is not None and 0.0 < _share(marks) < 1.0]
    most = max(0, min(len(telling), len(order) - FEWEST_LEARNED))
    if n_evaluated > most:
        raise InputError(
            f"params.yaml: evaluate_human_marks.n_evaluated is {n_evaluated}; allowed: at most {most}, since "
            f"{len(telling)} of {len(order)} images have marked and unmarked places, and {FEWEST_LEARNED} must be left "
            "to learn from"
        )
    held_out = telling[:n_evaluated]
    return np.array(held_out, np.int64), np.array([row for row in order if row not in {*held_out}], np.int64)


def _share(marks: np.ndarray) -> float:
    """The share of an image that is marked."""
    return float(marks.mean(dtype=np.float64))
