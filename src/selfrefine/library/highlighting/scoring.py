"""One pass of the highlighter over images: its verdict and the cells of its map, in chunks that are made once."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from selfrefine.core import chunks, devices, pixels
from selfrefine.core.random_streams import stream
from selfrefine.highlighter.data import use_seed
from selfrefine.highlighter.gradcam import class_evidence, enlarge, minmax
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.library.highlighting.mirror import Mirror
from selfrefine.pretrained.imagenet_backbones import VGG16_CONV5_3

CHUNK = 32  # images at a time


class Scores(NamedTuple):
    """Of some images the logit of fake less that of real, (n,), and Grad-CAM's evidence by cell, (n, s, s); float32."""

    logits: np.ndarray
    evidence: np.ndarray


class Scorer:
    """A highlighter that scores images of one folder.

    Args:
        model: the highlighter, in evaluation.
        dtype: what its convolutions compute in.
        folder: the images.
        label: FAKE or REAL: what the folder holds.
        seed: of the guard's dither, which an image's row decides, so that its score is the same at every call.
    """

    def __init__(self, model: Highlighter, dtype: torch.dtype, folder: Mirror, label: int, seed: int) -> None:
        self.model, self.dtype, self.folder = model, dtype, folder
        self.seed = use_seed(seed, "dither_fake" if label == FAKE else "dither_real")

    def score(self, rows: np.ndarray, scratch: Path, label: str) -> Scores:
        """Scores the images of these rows, or those whose chunks are not in `scratch` yet."""
        side = self.model.input_size // 16
        if not len(rows):
            return Scores(np.zeros(0, np.float32), np.zeros((0, side, side), np.float32))

        def make(numbers: np.ndarray) -> np.ndarray:
            return self._pass(rows[np.minimum(numbers, len(rows) - 1)])

        parts = chunks.in_chunks(make, len(rows), scratch, label=label, chunk_size=CHUNK)
        found = chunks.joined(parts, len(rows))
        return Scores(found[:, 0], found[:, 1:].reshape(-1, side, side))

    def _pass(self, rows: np.ndarray) -> np.ndarray:
        """(n, 1 + s * s) float32: logit, evidence."""
        model, device = self.model, self.model.mean.device
        streams = [stream(self.seed, "highlighter", int(row)) for row in rows]
        with torch.no_grad():
            prepared = model.prepare(pixels.to_float(self.folder[rows]).to(device), streams)
            with devices.autocast(device, self.dtype):
                tap = model.features[: VGG16_CONV5_3 + 1](prepared)
            tap = tap.float()
            logits = model.head(model.features[VGG16_CONV5_3 + 1 :](tap))
        evidence = class_evidence(model, tap).flatten(1)
        return torch.cat([(logits[:, FAKE] - logits[:, REAL])[:, None], evidence], dim=1).cpu().numpy()


def maps(evidence: np.ndarray, size: int) -> np.ndarray:
    """Flaw maps of evidence (n, s, s), as `gradcam.flaw_activation_maps` makes them: (n, size, size) in [0, 1]."""
    cells = minmax(torch.from_numpy(evidence).relu())
    return minmax(enlarge(cells, size).relu()).numpy()
