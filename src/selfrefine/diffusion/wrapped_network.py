"""What stands in the place of a diffusers network while images are sampled."""

from typing import Any

import torch
from torch import nn


class WrappedNetwork(nn.Module):
    """A network that calls another: samplers find the other's device and config in it.

    Args:
        network: a diffusers network that predicts noise.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    @property
    def device(self) -> torch.device:
        """The network's."""
        device: torch.device = self.network.device
        return device

    @property
    def config(self) -> Any:
        """The network's."""
        return self.network.config
