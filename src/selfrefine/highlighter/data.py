"""What the highlighter learns from and is tested on: seeded splits of real and generated images, batches, dither.

Everything is keyed by (seed, use, index), so that training and evaluation, which are two jobs, agree on the splits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from selfrefine.core.errors import InputError
from selfrefine.core.mirrored import Packed
from selfrefine.core.random_streams import stream, stream_seed
from selfrefine.highlighter.model import FAKE, REAL

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)
Use = Literal["split_real", "split_fake", "initial_head", "batch", "dither", "dither_real", "dither_fake", "labels"]
USES: tuple[Use, ...] = get_args(Use)


def draw_seed(seed: int, draw: int) -> int:
    """The seed of everything random of one highlighter of a run; that of draw 0, behind every map, is the run's."""
    return stream_seed(seed, "highlighter_draw", draw) if draw else seed


def fakes_of_draw(fake: np.ndarray, draw: int, n_fakes: int) -> np.ndarray:
    """The generated images that the highlighter of a draw learns from: no two draws share one.

    Args:
        fake: all that generate_fakes made, (N, H, W, 3).
        draw: 0, 1, ...
        n_fakes: of each draw.

    Raises:
        InputError: there are not as many.
    """
    end = (draw + 1) * n_fakes
    if len(fake) < end:
        raise InputError(
            f"params.yaml: generate_fakes.n_images gave {len(fake)} images; {end} needed, shared.n_fakes ({n_fakes}) "
            f"for each draw up to train_highlighter.draw ({draw}): raise the first or lower the second"
        )
    return fake[draw * n_fakes : end]


def use_seed(seed: int, use: Use) -> int:
    """The seed of one use of the purpose "highlighter", so that the indices of two uses never meet."""
    return stream_seed(seed, "highlighter", USES.index(use))


@dataclass(frozen=True)
class Batch:
    """Images (N, H, W, 3) uint8, labels (N,) int64 (real 1, fake 0), one stream of dither per image."""

    images: np.ndarray
    labels: Tensor
    streams: list[torch.Generator]

    def of(self, label: int) -> "Batch":
        """The images of one label, in their order."""
        rows = (self.labels == label).nonzero()[:, 0].tolist()
        return Batch(self.images[rows], self.labels[rows], [self.streams[row] for row in rows])


class RealsAndFakes:
    """Equally many real and generated images of a seed, each split 80 : 10 : 10 into train, validation and test.

    Args:
        real: images that the diffusion model was trained on, (N, H, W, 3) uint8, may be memory-mapped; as it saw them.
        fake: images of that model, the same height and width; of another draw others.
        seed: of the run.
        draw: of several highlighters of the run; each has its own split, batches and dither.
        shuffle_labels: what is learned means nothing (method 11.2): in train and validation the labels are permuted,
            once for the seed. The test part keeps the true ones.

    Raises:
        InputError: images of two sizes, or fewer than ten of a class.
    """

    def __init__(self, real: Packed, fake: np.ndarray, seed: int, draw: int = 0, shuffle_labels: bool = False) -> None:
        if real.shape[1:] != fake.shape[1:]:
            raise InputError(
                f"highlighter: real images are {real.shape[1:]}, generated ones {fake.shape[1:]}: equal sizes needed"
            )
        self.real, self.fake, self.seed = real, fake, draw_seed(seed, draw)
        # Not in paper: as many reals as fakes, because more would only sharpen one side of a balanced score.
        count = min(len(real), len(fake))
        self.real_rows = split(len(real), count, stream(use_seed(self.seed, "split_real"), "highlighter", 0))
        self.fake_rows = split(len(fake), count, stream(use_seed(self.seed, "split_fake"), "highlighter", 0))
        self.labels = {part: self._labels(part, shuffle_labels and part != "test") for part in PARTS}

    def _labels(self, part: Part, shuffle: bool) -> tuple[Tensor, Tensor]:
        """The labels of the reals and of the fakes of a part, in the order of their rows."""
        count = len(self.real_rows[part])
        labels = torch.full((count,), REAL), torch.full((count,), FAKE)
        if shuffle:
            # As many reals as fakes change sides. In a plain permutation a few more of a class keep their label by
            # chance, and a map, which is scaled to [0, 1], shows the faintest evidence as well as the strongest.
            draws = stream(use_seed(self.seed, "labels"), "highlighter", PARTS.index(part))
            for own, other in zip(labels, (FAKE, REAL), strict=True):
                own[torch.randperm(count, generator=draws)[: count // 2]] = other
        return labels

    def batch(self, step: int, size: int) -> Batch:
        """`size` reals and `size` fakes of the train part for one step, drawn with replacement."""
        draws = stream(use_seed(self.seed, "batch"), "highlighter", step)
        drawn = [torch.randint(len(rows["train"]), (size,), generator=draws) for rows in self._rows]
        seed = use_seed(self.seed, "dither")
        streams = [stream(seed, "highlighter", step * 2 * size + row) for row in range(2 * size)]
        return self._gather("train", drawn, streams)

    def part(self, name: Part) -> Batch:
        """All images of a part, reals first; the dither of an image is the same at every call."""
        return self._at(name, [torch.arange(len(rows[name])) for rows in self._rows])

    def pieces(self, name: Part, label: int, size: int) -> Iterator[Batch]:
        """The images of one label of a part, at most `size` at a time: a whole part need not fit in memory."""
        count, nothing = len(self._rows[0][name]), torch.arange(0)
        for start in range(0, count, size):
            places = torch.arange(start, min(start + size, count))
            yield self._at(name, [places, nothing] if label == REAL else [nothing, places])

    def _at(self, name: Part, places: list[Tensor]) -> Batch:
        """The reals and the fakes at these places of a part, with the dither that is theirs."""
        uses: tuple[Use, Use] = ("dither_real", "dither_fake")
        seeds = [use_seed(self.seed, use) for use in uses]
        streams = [
            stream(seed, "highlighter", int(row))
            for seed, rows, chosen in zip(seeds, self._rows, places, strict=True)
            for row in rows[name][chosen.numpy()]
        ]
        return self._gather(name, places, streams)

    @property
    def _rows(self) -> tuple[dict[Part, np.ndarray], dict[Part, np.ndarray]]:
        return self.real_rows, self.fake_rows

    def _gather(self, name: Part, places: list[Tensor], streams: list[torch.Generator]) -> Batch:
        """The reals and the fakes at these places of a part."""
        images = [
            images[rows[name][place.numpy()]]
            for images, rows, place in zip((self.real, self.fake), self._rows, places, strict=True)
        ]
        labels = [own[place] for own, place in zip(self.labels[name], places, strict=True)]
        return Batch(np.concatenate(images), torch.cat(labels), streams)


def split(available: int, count: int, draws: torch.Generator) -> dict[Part, np.ndarray]:
    """`count` of `available` rows in random order, 80 : 10 : 10.

    Raises:
        InputError: a part would be empty.
    """
    tenth = count // 10
    if not tenth:
        raise InputError(f"params.yaml: shared.n_fakes and the real images give {count} of a class; 10 needed")
    rows = torch.randperm(available, generator=draws)[:count].numpy()
    return {"train": rows[2 * tenth :], "validation": rows[:tenth], "test": rows[tenth : 2 * tenth]}
