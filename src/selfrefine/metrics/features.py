"""Features of images: extractors registered with torch-fidelity, and the loop that applies one to stored images.

Import this module only where features are extracted: torch-fidelity brings torchvision with it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_fidelity import register_feature_extractor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.core.mirrored import Packed
from selfrefine.core.names import FEATURE_WEIGHTS
from selfrefine.core.progress import Progress
from selfrefine.metrics.transformer_features import ClipExtractor, Dinov2Extractor, TransformerExtractor
from selfrefine.pretrained.imagenet_backbones import ALEXNET_CONV5, VGG16_CONV5_3, alexnet_features, vgg16_features
from selfrefine.pretrained.inception_network import InceptionNetwork

GAP = "conv5_gap"  # the one layer that our extractors give
# Mean and standard deviation of ImageNet's pixels in [0, 1], with which the weights were trained.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Conv5Extractor(FeatureExtractorBase):  # type: ignore[misc]  # torch-fidelity is untyped
    """The last convolution of an ImageNet network after its ReLU, averaged over all places, in float32 throughout.

    Args:
        name: the name it is registered by.
        features_list: layers to give; GAP is the only one.
        feature_extractor_weights_path: safetensors with torchvision's names (`features.N.weight`, `features.N.bias`).
        **kwargs: further arguments that torch-fidelity hands to every extractor; not used.
    """

    # Not in paper: 64 px because the stacks need 32 px or more, and the images of the embedded experiment have 16.
    INPUT_IMAGE_SIZE = 64
    WIDTH: int  # features of an image

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: Path, **kwargs: Any
    ) -> None:
        super().__init__(name, features_list)
        self.network = self.build()
        _load(self.network, Path(feature_extractor_weights_path))
        self.register_buffer("mean", 255.0 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", 255.0 * torch.tensor(IMAGENET_STD).view(3, 1, 1))
        self.requires_grad_(False)
        self.eval()

    @staticmethod
    def build() -> nn.Sequential:
        """The untrained layers up to the last ReLU, with torchvision's numbers."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) uint8 to a tuple of one (N, D) float32 tensor."""
        size = (self.INPUT_IMAGE_SIZE, self.INPUT_IMAGE_SIZE)
        resized = nn.functional.interpolate(images.float(), size, mode="bilinear", antialias=True)
        inputs = ((resized - self.mean) / self.std).contiguous(memory_format=torch.channels_last)
        return (self.network(inputs).mean(dim=(2, 3)),)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        """The names of the layers."""
        return (GAP,)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        """The layer of each of torch-fidelity's metrics on features: fid, kid, prc."""
        return {"fid": GAP, "kid": GAP, "prc": GAP}[metric]

    @staticmethod
    def can_be_compiled() -> bool:
        """Whether torch.compile may wrap it."""
        return True

    @staticmethod
    def get_dummy_input_for_compile() -> Tensor:
        """An input for torch.compile."""
        return torch.zeros((1, 3, 16, 16), dtype=torch.uint8)


class VGG16Extractor(Conv5Extractor):
    """conv5_3 of VGG16."""

    WIDTH = 512

    @staticmethod
    def build() -> nn.Sequential:
        """The layers up to the ReLU; the pooling behind it would keep only the strongest of each four places."""
        return vgg16_features()[: VGG16_CONV5_3 + 2]


class AlexNetExtractor(Conv5Extractor):
    """conv5 of AlexNet: a second space that shares no weight with the first."""

    WIDTH = 256

    @staticmethod
    def build() -> nn.Sequential:
        """The layers up to the ReLU."""
        return alexnet_features()[: ALEXNET_CONV5 + 2]


class InceptionExtractor(InceptionNetwork):
    """torch-fidelity's own extractor of FID, with weights from safetensors.

    Args:
        path: safetensors with torch-fidelity's names.
    """

    WIDTH = 2048

    def __init__(self, path: Path) -> None:
        with torch.device("meta"):
            super().__init__()
        tensors, _ = arrays.read_tensors(path)
        try:
            nn.Module.load_state_dict(self, tensors, assign=True)
        except RuntimeError as error:
            raise _misfit(path, error) from error
        self.requires_grad_(False)
        self.eval()

    @staticmethod
    def build() -> nn.Module:
        """The untrained network."""
        return InceptionNetwork()


Extractor = Conv5Extractor | InceptionExtractor | TransformerExtractor
# Feature space -> its extractor; its weights are names.FEATURE_WEIGHTS. Those of published weights, and of given ones.
CONVOLUTIONS: dict[str, type[Conv5Extractor] | type[InceptionExtractor]] = {
    "vgg16_conv5_gap": VGG16Extractor,
    "alexnet_conv5_gap": AlexNetExtractor,
    "inception-v3-compat": InceptionExtractor,  # registered by torch-fidelity
}
TRANSFORMERS: dict[str, type[TransformerExtractor]] = {"clip": ClipExtractor, "dinov2": Dinov2Extractor}
NETWORKS = {**CONVOLUTIONS, **TRANSFORMERS}
for _name in ("vgg16_conv5_gap", "alexnet_conv5_gap"):
    register_feature_extractor(_name, CONVOLUTIONS[_name])


def _load(network: nn.Sequential, path: Path) -> None:
    tensors, _ = arrays.read_tensors(path)
    try:
        network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise _misfit(path, error) from error


def _misfit(path: Path, error: RuntimeError) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(f"{path}: weights of another network ({reason}); make them again with fetch_weights")


def extractor(name: str, weights: dict[str, Path]) -> Extractor:
    """Builds the extractor of a feature space.

    Args:
        name: one of NETWORKS.
        weights: name of the weights -> their safetensors.

    Raises:
        InputError: an unknown space, missing weights, or weights that do not fit.
    """
    if name not in NETWORKS:
        raise InputError(f"params.yaml: extract_features.networks has {name!r}; known: {', '.join(NETWORKS)}")
    needed = FEATURE_WEIGHTS[name]
    if needed not in weights:
        raise InputError(f"{name} needs the weights {needed}; given: {', '.join(weights) or 'none'}")
    if name in TRANSFORMERS:
        return TRANSFORMERS[name](weights[needed])
    kind = CONVOLUTIONS[name]
    if issubclass(kind, InceptionExtractor):
        return kind(weights[needed])
    return kind(name, [GAP], weights[needed])


def extract(model: Extractor, images: Packed, *, batch_size: int, device: torch.device, label: str) -> np.ndarray:
    """Features of stored images.

    Args:
        model: from `extractor`.
        images: (N, H, W, 3) uint8.
        batch_size: images per forward pass.
        device: where to compute.
        label: what progress lines say.

    Returns:
        (N, D) float32.
    """
    model.to(device)
    model.to(memory_format=torch.channels_last)
    batches = []
    # TensorFloat-32 has ten bits of mantissa and is on by default for convolutions on GPUs.
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with exact, torch.inference_mode(), Progress(label, len(images), unit="image") as progress:
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(np.array(images[start : start + batch_size])).permute(0, 3, 1, 2)
            (features,) = model(batch.to(device))
            batches.append(features.cpu().numpy())
            progress.update(start + len(batch))
    return np.concatenate(batches)
