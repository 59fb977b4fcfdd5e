"""Whether resizing, compression, size or colour alone tell the two folders apart: then a map may show just that."""

import math
from typing import NamedTuple

import numpy as np

from selfrefine.evidence import shortcut_baseline
from selfrefine.evidence.shortcut_baseline import Images
from selfrefine.highlighter.data import Part
from selfrefine.highlighter.model import FAKE, REAL
from selfrefine.library.highlighting import figures, file_traits
from selfrefine.library.highlighting.mirror import Mirror
from selfrefine.library.highlighting.split import Division
from selfrefine.metrics.intervals import Estimate

BOUND = 0.7  # ROC-AUC: a check warns if its whole interval lies above
WORDS = {
    "resize": "native sizes and traces of resizing",
    "compression": "file formats and traces of compression",
    "size": "numbers of pixels or bytes, content apart",
    "colour": "the mean, spread and saturation of colours",
}
REMEDY = {
    "resize": "bring both folders from one size to another in the same way",
    "compression": "save both folders in the same format and quality, from images that were never compressed otherwise",
    "size": "take images of one size, saved in the same way",
    "colour": "take images of like subjects and light, or make both folders grey",
}


class Shortcut(NamedTuple):
    """A check, how well it alone tells the folders apart, and its warning, "" for none."""

    check: str
    roc_auc: Estimate
    warning: str


def check(real: Mirror, fake: Mirror, division: Division, seed: int) -> list[Shortcut]:
    """Of each check a logistic regression on the train parts, and its ROC-AUC on the test parts."""

    def images(part: Part, columns: slice) -> Images:
        numbers = [
            folder.traits[rows[part], columns] for folder, rows in ((real, division.real), (fake, division.fake))
        ]
        labels = np.repeat([REAL, FAKE], [len(values) for values in numbers])
        return Images(np.concatenate(numbers), labels)

    found = []
    for name in file_traits.TRAITS:
        columns = file_traits.columns(name)
        known = shortcut_baseline.roc_auc(images("train", columns), images("test", columns), seed)
        auc = figures.with_ends(known, len(division.real["test"]))
        found.append(Shortcut(name, auc, _warning(name, auc)))
    return found


def _warning(name: str, auc: Estimate) -> str:
    if not (math.isfinite(auc.low) and auc.low > BOUND):
        return ""
    return (
        f"{WORDS[name]} alone tell the folders apart (ROC-AUC {figures.told(auc)}): the maps may be maps of "
        f"preprocessing, not of flaws; {REMEDY[name]}, and run again"
    )
