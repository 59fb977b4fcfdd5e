"""A small classifier of real images: whether an image made from a prompt shows the prompt's class.

It learns from real training images and their labels alone and has nothing in common with the highlighter or a diffusion
model, which must not judge themselves.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from selfrefine.core import arrays, pixels
from selfrefine.core.errors import DamagedError, InputError

METADATA = ("labels", "size")
FIRST_WIDTH, LAST_WIDTH = 32, 256  # channels: doubled at each halving of the side
LAST_SIDE = 4  # px of the last feature map, at least


class Classifier(nn.Module):
    """Convolutions that halve the side down to 4 to 7 px, then one linear layer.

    # Not in paper: the network and its training, because Table 4 has no score of its own for what an image shows.

    Args:
        labels: whole numbers, the classes in the order of the outputs.
        size: side of the images, px.
    """

    def __init__(self, labels: Sequence[int], size: int) -> None:
        super().__init__()
        self.labels, self.size = list(labels), size
        blocks: list[nn.Module] = []
        channels, side = 3, size
        while side >= 2 * LAST_SIDE or not blocks:
            width = min(LAST_WIDTH, FIRST_WIDTH if not blocks else 2 * channels)
            convolution = nn.Conv2d(channels, width, 3, padding=1, bias=False)  # the norm has a bias
            blocks.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)))
            channels, side = width, side // 2
        self.features = nn.Sequential(*blocks).to(memory_format=torch.channels_last)
        self.head = nn.Linear(channels * side**2, len(self.labels))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, 3, size, size) in [-1, 1]."""
        logits: Tensor = self.head(self.features(images.contiguous(memory_format=torch.channels_last)).flatten(1))
        return logits

    def save(self, path: Path) -> None:
        """Writes weights, labels and size as safetensors."""
        arrays.write_tensors(path, self.state_dict(), {name: getattr(self, name) for name in METADATA})


def load(path: Path, device: torch.device) -> Classifier:
    """Reads a classifier that `save` wrote, ready to predict.

    Raises:
        InputError: another file, or weights that do not fit.
    """
    tensors, metadata = arrays.read_tensors(path)
    missing = [name for name in METADATA if name not in metadata]
    if missing:
        raise InputError(f"{path}: not a classifier of ours (no {missing[0]}); train_classifier makes one")
    model = Classifier(metadata["labels"], metadata["size"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise DamagedError(path, "weights do not fit the classifier") from error
    return model.to(device).eval()


@torch.no_grad()
def predict(model: Classifier, images: np.ndarray, batch_size: int) -> np.ndarray:
    """The label of each image, (N,) int64.

    Args:
        model: as `load` gives it.
        images: (N, size, size, 3) uint8.
        batch_size: images at a time.

    Raises:
        InputError: images of another size than it has learned from.
    """
    if images.shape[1:3] != (model.size, model.size):
        raise InputError(
            f"classifier: images of {images.shape[1]} x {images.shape[2]} px given, {model.size} px needed as it has "
            "learned from"
        )
    device = model.head.weight.device
    chunks = [
        model(pixels.to_float(images[start : start + batch_size]).to(device)).argmax(dim=1).cpu()
        for start in range(0, len(images), batch_size)
    ]
    found: np.ndarray = np.asarray(model.labels, np.int64)[torch.cat(chunks).numpy()]
    return found
