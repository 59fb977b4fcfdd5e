"""What text-to-image networks are conditioned on: captions, embedded once and looked up by the number of their image.

A network under its prompts is called as any other, with x_t and t, so training and sampling know nothing of text.
Method 5.3.
"""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import arrays
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.diffusion.wrapped_network import WrappedNetwork

EMPTY = 0  # row of the empty caption


class Captions:
    """The captions of a split, as their text encoder embeds them.

    Args:
        embeddings: of the distinct captions, (U, L, D) of floats, memory-mapped; row 0 is that of the empty caption.
        rows: (N,) int64, the caption of each image as a row of `embeddings`.
    """

    in_turn = False  # whether maps are made of image after image, not of a random choice

    def __init__(self, embeddings: np.ndarray, rows: np.ndarray) -> None:
        self.embeddings, self.rows = embeddings, rows

    def __len__(self) -> int:
        """N."""
        return len(self.rows)

    @property
    def tokens(self) -> int:
        """L."""
        return int(self.embeddings.shape[1])

    def of(self, indices: Tensor | np.ndarray | Sequence[int]) -> Tensor:
        """The captions of n images, (n, L, D) float32 on the CPU; image N has the caption of image 0 again."""
        return self._embedded(self.rows[np.asarray(indices) % len(self.rows)])

    def empty(self, n: int) -> Tensor:
        """The empty caption n times, (n, L, D) float32 on the CPU."""
        return self._embedded(np.full(n, EMPTY))

    def dropped(self, indices: Tensor | np.ndarray, rate: float, draws: torch.Generator) -> Tensor:
        """As `of`, but each becomes the empty caption with probability `rate`. Ho & Salimans 2022, Alg. 1."""
        rows = self.rows[np.asarray(indices) % len(self.rows)]
        kept = (torch.rand(len(rows), generator=draws) >= rate).numpy()
        return self._embedded(np.where(kept, rows, EMPTY))

    def _embedded(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(self.embeddings[rows], dtype=np.float32))


class Prompted(WrappedNetwork):
    """A conditional network under fixed prompts, one for each image of a batch, with classifier-free guidance.

    eps = eps(x_t, "") + w (eps(x_t, prompt) - eps(x_t, "")): diffusers' form of Ho & Salimans 2022, Eq. 6.

    Args:
        network: that predicts noise, or v or x_0, from x_t, t and embeddings.
        embeddings: of the prompts, (n, L, D) float32.
        guidance_scale: w; with 1 the empty caption has no part in it and is not evaluated.
        empty: of the empty caption, (n, L, D) float32.
    """

    def __init__(self, network: Any, embeddings: Tensor, guidance_scale: float, empty: Tensor) -> None:
        super().__init__(network)
        self.guidance_scale = guidance_scale
        self.embeddings, self.empty = embeddings.to(network.device), empty.to(network.device)

    def forward(self, noisy: Tensor, t: Any) -> Any:
        """The output, with what is predicted in `sample`, for x_t (n, C, H, W) float32 at one time for all images."""
        times = t.expand(len(noisy)) if isinstance(t, Tensor) else t  # a transformer takes no single one
        if self.guidance_scale == 1.0:
            return self.network(noisy, times, self.embeddings)
        times = torch.cat([times, times]) if isinstance(times, Tensor) else times
        both = self.network(noisy.repeat(2, 1, 1, 1), times, torch.cat([self.empty, self.embeddings])).sample.float()
        without, given = both.chunk(2)
        return SimpleNamespace(sample=without + self.guidance_scale * (given - without))


def prompted(
    network: Any,
    captions: Captions | None,
    indices: Tensor | np.ndarray | Sequence[int],
    guidance_scale: float = 1.0,
) -> Any:
    """The network under the captions of the images with these numbers; without captions the network itself.

    Raises:
        InputError: guidance without captions.
    """
    if captions is None:
        if guidance_scale != 1.0:
            raise InputError(
                f"params.yaml: generate_samples.guidance_scale is {guidance_scale}; the family of train_base takes no "
                "captions and allows 1 alone"
            )
        return network
    return Prompted(network, captions.of(indices), guidance_scale, captions.empty(len(indices)))


def read(network: Any, paths: tuple[Path, ...], n_images: int | None = None) -> Captions | None:
    """The captions of a job; None of a network that takes none.

    Args:
        network: a diffusers network.
        paths: embeddings and rows as encode_captions makes them; nothing for a network without text.
        n_images: how many images have a caption, where each must have one of its own.

    Raises:
        InputError: captions without such a network or the other way round, of other images or of another text encoder.
    """
    width = getattr(network.config, "cross_attention_dim", None)
    if (width is None) == bool(paths):
        given, needed = ("captions", "none") if paths else ("none", "captions")
        raise InputError(f"captions: {given} given, {needed} needed by the family of train_base in params.yaml")
    if not paths:
        return None
    embeddings, rows = (arrays.read_array(path) for path in paths)
    if embeddings.ndim != 3 or embeddings.dtype.kind != "f" or embeddings.shape[2] != width:
        needed = f"floats (captions, tokens, {width}) needed by the network"
        raise DamagedError(paths[0], f"{embeddings.dtype} {embeddings.shape} given, {needed}")
    wanted = n_images or len(rows)
    if rows.shape != (wanted,) or rows.dtype != np.int64 or not len(rows):
        needed = f"int64 ({wanted or 'images'},) needed: one caption for each image"
        raise DamagedError(paths[1], f"{rows.dtype} {rows.shape} given, {needed}")
    if not 0 <= rows.min() <= rows.max() < len(embeddings):
        raise DamagedError(paths[1], f"rows {rows.min()} to {rows.max()}, but {paths[0]} has {len(embeddings)}")
    return Captions(embeddings, rows)
