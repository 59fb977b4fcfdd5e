"""What a run found, as figures and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from selfrefine.library.highlighting.shortcuts import Shortcut
from selfrefine.metrics.intervals import Estimate


@dataclass(frozen=True)
class Highlighted:
    """What a run found.

    Args:
        folder: its output.
        told_apart: whether the test images can be told apart; if not, there are no maps.
        figures: accuracy, f1, roc_auc and p_real_gap with their intervals; none of two folders of the same images.
        shortcuts: what resizing, compression, size and colour alone tell.
        sentences: all of it in words, the verdict last.
    """

    folder: Path
    told_apart: bool
    figures: Mapping[str, Estimate]
    shortcuts: Sequence[Shortcut]
    sentences: Sequence[str]
