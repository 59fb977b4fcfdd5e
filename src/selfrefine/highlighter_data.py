"""What the highlighter learns from and is tested on: seeded splits of real and generated images, batches, dither.

Everything is keyed by (seed, use, index), so that training and evaluation, which are two jobs, agree on the splits.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from selfrefine.errors import InputError
from selfrefine.highlighter import FAKE, REAL
from selfrefine.randomness import stream, stream_seed

Part = Literal["train", "validation", "test"]
Use = Literal["split_real", "split_fake", "initial_head", "batch", "dither", "dither_real", "dither_fake"]
USES: tuple[Use, ...] = ("split_real", "split_fake", "initial_head", "batch", "dither", "dither_real", "dither_fake")


def use_seed(seed: int, use: Use) -> int:
    """The seed of one use of the purpose "highlighter", so that the indices of two uses never meet."""
    return stream_seed(seed, "highlighter", USES.index(use))


@dataclass(frozen=True)
class Batch:
    """Labelled images: (N, H, W, 3) uint8, labels (N,) int64 (real 1, fake 0), one stream of dither per image."""

    images: np.ndarray
    labels: Tensor
    streams: list[torch.Generator]


class RealsAndFakes:
    """Equally many real and generated images of a seed, each split 80 : 10 : 10 into train, validation and test.

    Args:
        real: images that the diffusion model was trained on, (N, H, W, 3) uint8, may be memory-mapped.
        fake: images of that model, the same height and width.
        seed: of the run.

    Raises:
        InputError: images of two sizes, or fewer than ten of a class.
    """

    def __init__(self, real: np.ndarray, fake: np.ndarray, seed: int) -> None:
        if real.shape[1:] != fake.shape[1:]:
            raise InputError(
                f"highlighter: real images are {real.shape[1:]}, generated ones {fake.shape[1:]}: equal sizes needed; "
                "delete the older of the two and run the same command"
            )
        self.real, self.fake, self.seed = real, fake, seed
        # Not in paper: as many reals as fakes, because more would only sharpen one side of a balanced score.
        count = min(len(real), len(fake))
        self.real_rows = split(len(real), count, stream(use_seed(seed, "split_real"), "highlighter", 0))
        self.fake_rows = split(len(fake), count, stream(use_seed(seed, "split_fake"), "highlighter", 0))

    def batch(self, step: int, size: int) -> Batch:
        """`size` reals and `size` fakes of the train part for one step, drawn with replacement."""
        draws = stream(use_seed(self.seed, "batch"), "highlighter", step)
        rows = [
            part["train"][torch.randint(len(part["train"]), (size,), generator=draws).numpy()]
            for part in (self.real_rows, self.fake_rows)
        ]
        seed = use_seed(self.seed, "dither")
        streams = [stream(seed, "highlighter", step * 2 * size + row) for row in range(2 * size)]
        return self._gather(rows[0], rows[1], streams)

    def part(self, name: Part) -> Batch:
        """All images of a part, reals first; the dither of an image is the same at every call."""
        real, fake = self.real_rows[name], self.fake_rows[name]
        seeds = use_seed(self.seed, "dither_real"), use_seed(self.seed, "dither_fake")
        streams = [stream(seeds[0], "highlighter", int(row)) for row in real]
        streams += [stream(seeds[1], "highlighter", int(row)) for row in fake]
        return self._gather(real, fake, streams)

    def _gather(self, real: np.ndarray, fake: np.ndarray, streams: list[torch.Generator]) -> Batch:
        labels = torch.tensor([REAL] * len(real) + [FAKE] * len(fake))
        return Batch(np.concatenate([self.real[real], self.fake[fake]]), labels, streams)


def split(available: int, count: int, draws: torch.Generator) -> dict[Part, np.ndarray]:
    """`count` of `available` rows in random order, 80 : 10 : 10.

    Raises:
        InputError: a part would be empty.
    """
    tenth = count // 10
    if not tenth:
        raise InputError(f"params.yaml: generate_fakes.n_images and the real images give {count} of a class; 10 needed")
    rows = torch.randperm(available, generator=draws)[:count].numpy()
    return {"train": rows[2 * tenth :], "validation": rows[:tenth], "test": rows[tenth : 2 * tenth]}
