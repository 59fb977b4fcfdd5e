"""How small may a flaw be, and of what kind, for a flaw map to find it? Planted flaws of several sizes (method 5.7).

A map that knows nothing of an image still hits: it points where flaws usually lie. So each hit rate is compared, image
by image, with a Gaussian centre, with the maps of all other images that have such a patch, and a piece of a generated
image also with a piece of a real one, whose seam is the same.
"""

import numpy as np

from selfrefine.core.names import FAKE_SPLICE, REAL_SPLICE
from selfrefine.core.planted_names import LESS_CENTRE, LESS_OTHERS, LESS_REAL, planted_at
from selfrefine.evidence.human_marks import highest
from selfrefine.evidence.human_picks import of_others
from selfrefine.evidence.pointing_game import cells, covered_cells, mean_over_images, rate
from selfrefine.guidance import control_maps
from selfrefine.metrics.intervals import Estimate


def measure(share: float, maps: dict[str, np.ndarray], masks: np.ndarray, side: int) -> dict[str, Estimate]:
    """How much of the three highest cells of a map a patch of this size covers, and how much more than of others.

    Args:
        share: side of the patches, as a share of the image's: a part of the figures' names.
        maps: kind of patch -> evidence of the images with such a patch, (n, S, S); both splices among them; n >= 2.
        masks: (n, H, W) in [0, 1], where the patches are.
        side: cells of a map in each direction.

    Returns:
        `planted_at(share, kind, what)` -> figure: HIT; HIT less that of a centre, of other images' maps, and of the
        fake splice less the real one, paired; each with its 95 % interval over images. HIT of CHANCE: three cells at
        random, exact for these very patches.
    """
    covered = covered_cells(masks, side).astype(np.float64)
    image = np.arange(len(covered))
    pairs = {kind: covered @ highest(cells(own, side)).T for kind, own in maps.items()}
    hits = {kind: np.diag(each) for kind, each in pairs.items()}
    centre = covered @ highest(control_maps.gaussian_center(side).numpy().astype(np.float64).reshape(1, -1))[0]
    found = {planted_at(share): Estimate(float(covered.mean()))}
    for kind, own in hits.items():
        found[planted_at(share, kind)] = rate(own)
        found[planted_at(share, kind, LESS_CENTRE)] = mean_over_images(own - centre)
        found[planted_at(share, kind, LESS_OTHERS)] = mean_over_images(own - of_others(pairs[kind], image))
    found[planted_at(share, FAKE_SPLICE, LESS_REAL)] = mean_over_images(hits[FAKE_SPLICE] - hits[REAL_SPLICE])
    return found
