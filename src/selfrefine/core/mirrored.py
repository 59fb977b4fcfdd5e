"""Real images as a network that trains on mirrored ones ought to make them: half of them mirrored."""

import numpy as np
import torch

from selfrefine.core import random_streams


class Mirrored:
    """Packed images, each mirrored or not by a toss of its own, the same in every job; read in parts as an array is.

    Args:
        images: (N, H, W, 3) uint8, may be memory-mapped: what is not asked for is not read.
    """

    def __init__(self, images: np.ndarray) -> None:
        self.images, self.shape = images, images.shape
        tosses = torch.rand(len(images), generator=random_streams.stream(0, "mirrored", 0))
        self.tosses = (tosses < 0.5).numpy()

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        found, tosses = np.array(self.images[rows]), self.tosses[rows]
        found[tosses] = found[tosses, :, ::-1]
        return found


Packed = np.ndarray | Mirrored  # images of one shape, to be read in parts


def as_trained(images: np.ndarray, horizontal_flip: bool) -> Packed:
    """Real images that are held against generated ones: `Mirrored` where training mirrors, else as they are stored.

    # Not in paper: one side of each image, not both, because the images then stay as many independent ones.
    """
    return Mirrored(images) if horizontal_flip else images
