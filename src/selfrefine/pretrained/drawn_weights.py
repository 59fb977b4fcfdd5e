"""Weights that nobody trained, in the shapes of published ones: the provider `random` of a rehearsal, which needs no
network. No figure on them means anything.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

PROVIDER = "random"
SEED = 0


def draw(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network, by its names: convolutions with He's initial weights, which let a signal pass through
    any depth, biases of 0; all others as they were built.
    """
    draws = torch.Generator().manual_seed(SEED)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=draws)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return {name: tensor.detach() for name, tensor in network.state_dict().items()}


def provider(build: Callable[[], nn.Module], prefix: str = "") -> Callable[[Path], dict[str, Tensor]]:
    """A provider of weights of a network, whose names begin with `prefix` in files; a line tells what they are."""

    def drawn(_scratch: Path) -> dict[str, Tensor]:
        print("random weights, of a rehearsal: no figure on them means anything", flush=True)
        return {f"{prefix}{name}": tensor for name, tensor in draw(build()).items()}

    return drawn
