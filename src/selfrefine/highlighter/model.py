"""The flaw highlighter: a VGG16 classifier of real and generated images whose activations show flaws (method 4)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selfrefine.core import arrays, devices, pixels
from selfrefine.core.errors import DamagedError, InputError
from selfrefine.core.names import BLACK_LEVEL
from selfrefine.core.random_streams import image_noise
from selfrefine.pretrained.imagenet_backbones import vgg16_features

# Labels and output indices (method 4): every repository of the authors labels reals 1.
FAKE, REAL = 0, 1
METADATA = ("input_size", "shortcut_guard", "draw")  # that the weights do not tell, as they are given
NOISED = "noised"  # metadata that only a highlighter of noisy images has
HIDDEN_UNITS = 512
CONV_STRIDE = 32  # five poolings by two

DITHER = 2.0

# Packed images (N, H, W, 3) uint8 and one stream for each to what a highlighter is given of them, (N, C, H, W) float32.
Reader = Callable[[np.ndarray, list[torch.Generator]], Tensor]

# Not in paper: ImageNet's mean and std, because the weights were trained with them; the authors train without any and
# map with others.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Highlighter(nn.Module):
    """VGG16's convolutions and a two-way head on logits; output 0 is fake, output 1 is real.

    Args:
        input_size: px that images are resized to, a multiple of 32.
        shortcut_guard: hide what gives fakes away without being a flaw (method 11.1): black that is not exactly 0 and
            traces of quantisation.
        draw: which of a run's highlighters this is; with the run's seed it decides which images it has not seen.
        noised: it tells noisy images, which are neither rounded nor clamped. There is nothing to guard: noise hides the
            same traces, and rounded levels would have no gradient.

    Raises:
        InputError: an input size that is not a multiple of 32; a guard of noisy images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, input_size: int, shortcut_guard: bool, draw: int = 0, noised: bool = False) -> None:
        super().__init__()
        if input_size < CONV_STRIDE or input_size % CONV_STRIDE:
            raise InputError(
                f"params.yaml: train_highlighter.input_size is {input_size}; a multiple of {CONV_STRIDE} needed"
            )
        if noised and shortcut_guard:
            raise InputError("params.yaml: train_highlighter.shortcut_guard is true; false needed where noised is true")
        self.input_size = input_size
        self.shortcut_guard = shortcut_guard
        self.draw = draw
        self.noised = noised
        cells = (input_size // CONV_STRIDE) ** 2
        self.features = vgg16_features().to(memory_format=torch.channels_last)  # 1.5 times faster on two CPU cores
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(512 * cells, HIDDEN_UNITS), nn.ReLU(), nn.Linear(HIDDEN_UNITS, 2)
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def prepare(self, images: Tensor, streams: list[torch.Generator]) -> Tensor:
        """What the network sees of an image: the same for reals and fakes, in training, in evaluation and behind a map.

        Args:
            images: (N, C, H, W) in [-1, 1], C 1 (grey) or 3; values outside are clamped, unless they are noisy.
            streams: N streams, one per image, of which the guard draws its dither; untouched without guard.

        Returns:
            (N, 3, input_size, input_size) float32, standardised.
        """
        return self.standardised(self.levels(images, streams))

    def levels(self, images: Tensor, streams: list[torch.Generator]) -> Tensor:
        """The grey levels that it sees, before they are resized; arguments as for `prepare`.

        Returns:
            (N, 3, H, W) float32: 0 ... 255 as stored, or, behind the guard, black made equal and all dithered; of noisy
            images real numbers.
        """
        return self.dithered(images, self.dither(streams, tuple(images.shape[-2:])))

    def dither(self, streams: list[torch.Generator], size: tuple[int, ...]) -> Tensor | None:
        """What the guard adds to images of this height and width, (N, 3, H, W) float32 on the CPU; else None."""
        return image_noise(streams, (3, *size)) if self.shortcut_guard else None

    def dithered(self, images: Tensor, dither: Tensor | None) -> Tensor:
        """`levels` under a dither that is drawn already, of `dither`."""
        if self.noised:
            return ((images.float() + 1.0) * 127.5).expand(-1, 3, -1, -1)
        levels = pixels.quantise(images)
        if dither is None:
            return levels
        return torch.where(levels > BLACK_LEVEL, levels, 0.0) + DITHER * dither.to(levels.device)

    def standardised(self, levels: Tensor) -> Tensor:
        """What `prepare` makes of `levels`."""
        resized = F.interpolate(levels / 255.0, size=(self.input_size, self.input_size), mode="bilinear")
        return ((resized - self.mean) / self.std).contiguous(memory_format=torch.channels_last)

    def forward(self, prepared: Tensor) -> Tensor:
        """Logits (N, 2) of (fake, real) for images from `prepare`."""
        logits: Tensor = self.head(self.features(prepared))
        return logits

    def load_imagenet(self, path: Path) -> None:
        """Takes the convolutions from torchvision's VGG16 weights; the head is left as it is.

        Args:
            path: safetensors with `features.N.weight` and `features.N.bias`; other names are ignored.

        Raises:
            InputError: weights that do not fit.
        """
        tensors, _ = arrays.read_tensors(path)
        kept = {
            name.removeprefix("features."): value for name, value in tensors.items() if name.startswith("features.")
        }
        _load(self.features, kept, path)

    def save(self, path: Path) -> None:
        """Writes weights, input size, guard and draw as safetensors."""
        metadata = {name: getattr(self, name) for name in METADATA} | ({NOISED: True} if self.noised else {})
        arrays.write_tensors(path, self.state_dict(), metadata)


def stored(images: np.ndarray, _streams: list[torch.Generator]) -> Tensor:
    """The images as they are: a Reader, (N, 3, H, W) in [-1, 1]."""
    return pixels.to_float(images)


@torch.no_grad()
def classify(
    model: Highlighter,
    images: np.ndarray,
    streams: list[torch.Generator],
    dtype: torch.dtype,
    chunk_size: int = 64,
    read: Reader = stored,
) -> Tensor:
    """Logits of packed images, a chunk at a time.

    Args:
        model: the highlighter.
        images: (N, H, W, 3) uint8.
        streams: N streams, one per image, for the dither of the shortcut guard.
        dtype: what the network computes in.
        chunk_size: images at a time.
        read: what the highlighter is given of them.

    Returns:
        (N, 2) float32 on the CPU: (fake, real).
    """
    device = model.mean.device
    logits = []
    for start in range(0, len(images), chunk_size):
        chunk = slice(start, start + chunk_size)
        prepared = model.prepare(read(images[chunk], streams[chunk]).to(device), streams[chunk])
        with devices.autocast(device, dtype):
            logits.append(model(prepared).float().cpu())
    return torch.cat(logits)


def load(path: Path, device: torch.device) -> Highlighter:
    """Reads a highlighter that `save` wrote, ready for evaluation.

    Raises:
        InputError: another file, or weights that do not fit.
    """
    tensors, metadata = arrays.read_tensors(path)
    missing = [name for name in METADATA if name not in metadata]
    if missing:
        raise InputError(f"{path}: not a highlighter of ours (no {missing[0]}); train_highlighter makes one")
    model = Highlighter(*[metadata[name] for name in METADATA], **{NOISED: metadata.get(NOISED, False)})
    _load(model, tensors, path)
    return model.to(device).eval()


def _load(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Strict loading whose failure is one line."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise DamagedError(path, f"weights do not fit a VGG16 highlighter ({first[0].strip()})") from error
