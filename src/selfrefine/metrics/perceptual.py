"""How near inpainted images come to the photographs, as a network sees them: LPIPS of each image.

Import this module only where images are measured: lpips brings torchvision with it.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from selfrefine.core import arrays, pixels
from selfrefine.core.errors import InputError

SIDE_OF_ALEXNET = 31  # px; below, nothing is left after its second pooling
HIGHER_IS_BETTER = {"psnr": True, "ssim": True, "lpips": False, "lpips_unit": False}


class Perceptual:
    """LPIPS v0.1 on AlexNet's ImageNet weights, with the linear heads of the package lpips (Zhang et al. 2018).

    Args:
        weights: safetensors of AlexNet with torchvision's names (stage fetch_weights, `alexnet`).
        device: where to compute.
        size: px that images are enlarged to first, bilinear; their own for none. AlexNet needs 31.

    Raises:
        InputError: weights of another network.
    """

    def __init__(self, weights: Path, device: torch.device, size: int) -> None:
        if size < SIDE_OF_ALEXNET:
            raise InputError(
                f"params.yaml: evaluate_inpainting.lpips_size is {size}; AlexNet needs {SIDE_OF_ALEXNET} or more"
            )
        with warnings.catch_warnings(), torch.random.fork_rng():
            warnings.simplefilter("ignore")  # torchvision's, of arguments that lpips passes
            self.network = lpips.LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
        tensors, _ = arrays.read_tensors(weights)
        self._load({name.removeprefix("features."): tensor for name, tensor in tensors.items()}, weights)
        self.network.requires_grad_(False).eval().to(device)
        self.device, self.size = device, size

    def _load(self, tensors: Mapping[str, Tensor], path: Path) -> None:
        """Fills the convolutions, which lpips keeps in slices under torchvision's numbers."""
        layers = {
            number: layer
            for part in self.network.net.children()
            for number, layer in part.named_children()
            if isinstance(layer, nn.Conv2d)
        }
        needed = {f"{number}.{kind}" for number in layers for kind in ("weight", "bias")}
        if tensors.keys() != needed:
            raise InputError(f"{path}: weights of another network than AlexNet; make them again with fetch_weights")
        for number, layer in layers.items():
            layer.load_state_dict({kind: tensors[f"{number}.{kind}"] for kind in ("weight", "bias")})

    def distance(self, images: Tensor, others: Tensor) -> Tensor:
        """LPIPS of each pair, (N,) float32 on the CPU.

        Args:
            images, others: (N, 3, H, W) float32 in [-1, 1].

        Raises:
            InputError: values of another range; images in [0, 1] would halve the contrast (method 6, row 32).
        """
        low, high = float(min(images.min(), others.min())), float(max(images.max(), others.max()))
        if not (-1.0 <= low < 0.0 and high <= 1.0):
            raise InputError(f"LPIPS: values from {low:g} to {high:g} given; [-1, 1] needed, with some below 0")
        return self._distance(images, others)

    def of_stored(self, images: np.ndarray, others: np.ndarray, batch_size: int) -> dict[str, np.ndarray]:
        """LPIPS of each pair, (N,) float64: `lpips`, and `lpips_unit` as the authors' code has it, of [0, 1].

        Args:
            images, others: (N, H, W, 3) uint8.
            batch_size: pairs per forward pass.
        """
        found: dict[str, list[Tensor]] = {"lpips": [], "lpips_unit": []}
        for start in range(0, len(images), batch_size):
            pair = [pixels.to_float(part[start : start + batch_size]) for part in (images, others)]
            found["lpips"].append(self._distance(*pair))
            found["lpips_unit"].append(self._distance(*((part + 1.0) / 2.0 for part in pair)))
        return {name: torch.cat(parts).cpu().double().numpy() for name, parts in found.items()}

    @torch.inference_mode()
    def _distance(self, images: Tensor, others: Tensor) -> Tensor:
        size = (self.size, self.size)
        pair = [part.to(self.device) for part in (images, others)]
        if pair[0].shape[-1] != self.size:
            pair = [nn.functional.interpolate(part, size, mode="bilinear") for part in pair]
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found: Tensor = self.network(*pair)
        return found.flatten().cpu()
