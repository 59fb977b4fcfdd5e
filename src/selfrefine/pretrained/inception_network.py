"""The network of FID as torch-fidelity builds it, without its weights.

Import this module only where features are extracted: torch-fidelity brings torchvision with it.
"""

import io
from typing import Any

import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


class InceptionNetwork(FeatureExtractorInceptionV3):  # type: ignore[misc]  # torch-fidelity is untyped
    """torch-fidelity's own extractor of FID without its weights: (N, 3, H, W) uint8, which it resizes itself."""

    def __init__(self) -> None:
        nothing = io.BytesIO()  # the constructor would unpickle a file, or download one
        torch.save({}, nothing)
        nothing.seek(0)
        super().__init__("inception-v3-compat", ["2048"], nothing)

    def load_state_dict(self, *_: Any, **__: Any) -> None:
        """Loads nothing while the constructor runs."""
