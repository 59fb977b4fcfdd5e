"""Feature spaces of vision transformers that the user gives: CLIP's and DINOv2's (`pretrained/given_transformers.py`).

Images are prepared as transformers itself prepares them for the network, by the settings that came with it.
"""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from selfrefine.pretrained import given_transformers

LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14}


class TransformerExtractor(nn.Module):
    """A vision transformer with its own preparation of images.

    Args:
        path: safetensors of fetch_weights, with the network's settings.
    """

    NAME: str  # its row of `weights`
    # What `make plan` counts with, before there are any weights: ViT-L/14; a smaller network costs less.
    INPUT_IMAGE_SIZE = 224
    WIDTH: int
    SETTINGS: dict[str, Any]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.network, self.prepare = given_transformers.restore(self.NAME, path)
        self.requires_grad_(False)

    @classmethod
    def build(cls) -> nn.Module:
        """The untrained network that the plan counts with."""
        network: nn.Module = given_transformers.untrained(cls.NAME, image_size=cls.INPUT_IMAGE_SIZE, **cls.SETTINGS)
        return network

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) uint8 to a tuple of one (N, D) float32 tensor.

        Prepared on the CPU: there a resized image has whole grey levels, on a GPU it need not.
        """
        prepared = self.prepare(images=images.cpu(), return_tensors="pt", input_data_format="channels_first")
        return (self.read(self.network(pixel_values=prepared["pixel_values"].to(images.device))),)

    def read(self, found: Any) -> Tensor:
        """The features among what the network gives."""
        raise NotImplementedError


class ClipExtractor(TransformerExtractor):
    """CLIP's embedding of an image, after the projection, not normalised."""

    NAME, WIDTH, SETTINGS = "clip", 768, LARGE | {"intermediate_size": 4096, "projection_dim": 768}

    def read(self, found: Any) -> Tensor:
        """(N, D)."""
        embedded: Tensor = found.image_embeds
        return embedded


class Dinov2Extractor(TransformerExtractor):
    """DINOv2's class token after the last normalisation (as Stein et al. 2023 take it)."""

    NAME, WIDTH, SETTINGS = "dinov2", 1024, LARGE

    def read(self, found: Any) -> Tensor:
        """(N, D)."""
        token: Tensor = found.pooler_output
        return token
