"""Canny's edge detector as OpenCV has it (aperture 3, L1 gradient), bit for bit.

# Not in paper: written here, because OpenCV would weigh 150 MB for this one function.
"""

import torch
from torch import Tensor
from torch.nn import functional


def canny(grey: Tensor, *, low: int, high: int) -> Tensor:
    """Edges of grey images, (N, H, W) bool.

    Args:
        grey: (N, H, W) whole numbers 0 ... 255 of any type.
        low: a ridge of the gradient whose strength (sum of both absolute derivatives) is above it may be an edge.
        high: and is one where it hangs together with a place above this.
    """
    across, down = _sobel(grey)
    strength = across.abs() + down.abs()
    around, (height, width) = functional.pad(strength, (1, 1, 1, 1)), grey.shape[1:]

    def beside(rows: int, columns: int) -> Tensor:
        """The strength of the neighbour that many rows below and columns to the right; 0 outside."""
        return around[:, 1 + rows : 1 + rows + height, 1 + columns : 1 + columns + width]

    shallow = across.abs() * 13573  # tan(22.5 degrees) in units of 2^-15, as in OpenCV
    steepness = down.abs() << 15
    along = (strength > beside(0, -1)) & (strength >= beside(0, 1))
    upright = (strength > beside(-1, 0)) & (strength >= beside(1, 0))
    falling = (strength > beside(-1, -1)) & (strength > beside(1, 1))
    rising = (strength > beside(-1, 1)) & (strength > beside(1, -1))
    diagonal = torch.where((across < 0) != (down < 0), rising, falling)
    steep = steepness > shallow + (across.abs() << 16)
    ridge = torch.where(steepness < shallow, along, torch.where(steep, upright, diagonal)) & (strength > low)
    return _grown(ridge & (strength > high), ridge)


def _sobel(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives along the columns and along the rows, (N, H, W) int64; the border is repeated."""
    padded = functional.pad(grey[:, None].float(), (1, 1, 1, 1), mode="replicate")[:, 0].long()
    right, below = padded[:, :, 2:] - padded[:, :, :-2], padded[:, 2:] - padded[:, :-2]
    across = right[:, :-2] + 2 * right[:, 1:-1] + right[:, 2:]
    return across, below[:, :, :-2] + 2 * below[:, :, 1:-1] + below[:, :, 2:]


def _grown(seeds: Tensor, within: Tensor) -> Tensor:
    """What hangs together with the seeds inside a mask (N, H, W), over sides and corners."""
    while True:
        grown = (functional.max_pool2d(seeds.float(), 3, stride=1, padding=1) > 0) & within
        if torch.equal(grown, seeds):
            return seeds
        seeds = grown
