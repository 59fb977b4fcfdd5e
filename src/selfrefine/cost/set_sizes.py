"""How many photographs a data set has, as far as its params tell before they are there: at most."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from selfrefine.data.idx_sets import SOURCES


def photographs(prepared: Mapping[str, Any]) -> int:
    """Images of both splits together; as many as there must be, where one split might hold all of them.

    Args:
        prepared: the config of prepare_data.
    """
    most: int = prepared["max_images"]
    least: int = prepared.get("minimum_images", 0)
    return least if least >= most else 2 * most


def held_out(prepared: Mapping[str, Any]) -> int:
    """Images of the test split: its share of a folder that comes without splits."""
    most, total = int(prepared["max_images"]), photographs(prepared)
    share = prepared["test_share"] if "folder" in prepared and not prepared["own_splits"] else 0.5
    return min(most, ceil(total * share))


def trained_on(prepared: Mapping[str, Any]) -> int:
    """Images of the training split; of a folder that comes with splits all."""
    total = photographs(prepared)
    rest = total if prepared.get("own_splits") else total - held_out(prepared)
    return min(int(prepared["max_images"]), rest)


def captions(prepared: Mapping[str, Any]) -> int:
    """Distinct captions of both splits: one for each photograph, or for each class and template of a source."""
    if "source" not in prepared:
        return photographs(prepared)
    source = SOURCES[prepared["source"]]
    return len(prepared["classes"] or source.classes) * len(prepared["captions"])
