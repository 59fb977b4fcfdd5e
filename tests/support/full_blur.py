"""Prints the bytes that the blur of `evaluate_highlighter`'s planted flaws takes in an image of 256 px, alone."""

import torch

from selfrefine.evidence import planted_flaws
from selfrefine.params import packaged
from tests.support.full_size import peak

SIZE = 256

if __name__ == "__main__":
    torch.set_num_threads(1)
    values = packaged.of_experiment("paper")["evaluate_highlighter"]
    image, deviation = torch.rand(1, 3, SIZE, SIZE, dtype=torch.float64), values["patch_blur"] * values["patch_share"]
    planted_flaws._blurred(image[..., :32, :32], 1.0)  # what torch loads once
    before = peak()
    planted_flaws._blurred(image, deviation * SIZE)
    print(peak() - before)
