"""Self-refining reverse process: keys and values of self-attention scaled by the guidance map (paper Eq. 4, method 2).

The map enters through hooks that live inside a context; outside of it the network is untouched, and what is saved
knows no map.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrefine.errors import InputError

# What the map scales: nothing, or keys and values (method 2.1, paper mode).
ReverseProcess = Literal["none", "kv"]


@contextmanager
def modulated(network: nn.Module, guidance_map: Tensor | None, weight: float) -> Iterator[None]:
    """Scales K and V of every self-attention by 1 + lr E, where E is the map on the token grid, until the block ends.

    Without a map, or with weight 0, nothing is done at all: plain attention, bit for bit.

    Args:
        network: any network whose self-attentions are diffusers `Attention` modules (linear `to_k` and `to_v`).
        guidance_map: M, (H, W) float32 in [0, 1], on the network's device.
        weight: lr >= 0.

    Raises:
        InputError: the network has no self-attention that could be modulated.
    """
    if guidance_map is None or weight == 0.0:
        yield
        return
    attentions = self_attentions(network)
    if not attentions:
        name = type(network).__name__
        raise InputError(f"params.yaml: train_refined.reverse is kv, but {name} has no self-attention; set it to none")
    hook = _scaling(guidance_map.float(), weight)
    handles = [linear.register_forward_hook(hook) for block in attentions for linear in (block.to_k, block.to_v)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def self_attentions(network: nn.Module) -> list[Any]:
    """The self-attention modules of a diffusers network, in order; cross-attention has no token grid."""
    return [
        module
        for module in network.modules()
        if hasattr(module, "to_k") and hasattr(module, "to_v") and not getattr(module, "is_cross_attention", False)
    ]


def token_factors(guidance_map: Tensor, tokens: int, weight: float) -> Tensor:
    """1 + lr E, (tokens, 1) float32: the map resized to the token grid (bilinear, no antialias), row by row. Method
    2.1.

    The grid has the map's aspect ratio.

    Raises:
        InputError: no such grid has this number of tokens.
    """
    height, width = guidance_map.shape
    rows = round((tokens * height / width) ** 0.5)
    columns = tokens // max(rows, 1)
    if rows * columns != tokens or rows * width != columns * height:
        raise InputError(
            f"guidance map: {height} x {width} given, but {tokens} tokens form no grid of that aspect ratio"
        )
    resized = guidance_map
    if (rows, columns) != (height, width):
        resized = functional.interpolate(
            guidance_map[None, None], size=(rows, columns), mode="bilinear", align_corners=False
        )
    return 1.0 + weight * resized.reshape(tokens, 1)


def _scaling(guidance_map: Tensor, weight: float) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    """A forward hook that scales a linear layer's output (N, tokens, channels): after its bias, before head split."""
    factors: dict[int, Tensor] = {}

    def scale(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        tokens = output.shape[1]
        if tokens not in factors:
            factors[tokens] = token_factors(guidance_map, tokens, weight)
        # The product is float32 and rounded once: in bfloat16 the factor itself would have two to four levels.
        with torch.autocast(output.device.type, enabled=False):
            return (output.float() * factors[tokens]).to(output.dtype)

    return scale
