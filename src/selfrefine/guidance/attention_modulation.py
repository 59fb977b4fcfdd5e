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

from selfrefine.core import random_streams
from selfrefine.core.errors import InputError

# What the map scales: nothing, keys and values (method 2.1, paper mode), or one of them.
ReverseProcess = Literal["none", "kv", "k", "v"]
# Where: in every self-attention (paper mode), or in all but the middle block's (the authors' U-ViT).
Layers = Literal["all", "no_mid"]
# What makes E of the map M, one for each attention (method 2.2, 2.3): nothing (paper mode); the authors' convolutions,
# one of 1x1 or three of 3x3, 3x3 and 1x1; M plus the latter, which is M itself to begin with.
Projection = Literal["identity", "conv1x1", "conv3", "conv_residual"]
HIDDEN = 8  # channels inside the projection conv3


@contextmanager
def modulated(
    network: nn.Module,
    guidance_map: Tensor | None,
    weight: float,
    process: ReverseProcess = "kv",
    layers: Layers = "all",
    projectors: nn.ModuleList | None = None,
) -> Iterator[None]:
    """Scales K, V or both of self-attentions by 1 + lr E, where E is the map on the token grid, until the block ends.

    Without a map, or with weight 0, nothing is done at all: plain attention, bit for bit.

    Args:
        network: any network whose self-attentions make keys and values (N, tokens, channels) by `to_k` and `to_v`, as
            diffusers' do. If they name `extra_tokens`, so many tokens come before the image's and keep their keys and
            values (method 2.2).
        guidance_map: M, (H, W) float32, on the network's device.
        weight: lr >= 0.
        process: what is scaled.
        layers: where.
        projectors: of `build_projectors`; None for the identity.

    Raises:
        InputError: the network has no self-attention that could be modulated.
    """
    if guidance_map is None or weight == 0.0 or process == "none":
        yield
        return
    attentions = self_attentions(network, layers)
    hooks = _hooks(guidance_map.float(), weight, attentions, projectors)
    handles = [
        layer.register_forward_hook(hook)
        for block, hook in zip(attentions, hooks, strict=True)
        for name, layer in (("k", block.to_k), ("v", block.to_v))
        if name in process
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def self_attentions(network: nn.Module, layers: Layers = "all") -> list[Any]:
    """The self-attention modules of a network, in order; cross-attention has no token grid.

    Raises:
        InputError: there is none.
    """
    found = [
        module
        for name, module in network.named_modules()
        if hasattr(module, "to_k") and hasattr(module, "to_v") and not getattr(module, "is_cross_attention", False)
        if layers == "all" or "mid_block" not in name.split(".")
    ]
    if not found:
        where = "" if layers == "all" else " outside of its middle block"
        raise InputError(
            f"params.yaml: train_refined.reverse asks for self-attention, but {type(network).__name__} has no "
            f"self-attention{where}; set it to none"
        )
    return found


def build_projectors(network: nn.Module, projection: Projection, layers: Layers, seed: int) -> nn.ModuleList | None:
    """One projection of the map for each self-attention, with torch's initial weights; None for the identity.

    They are no part of the network: what is saved knows no map.

    Args:
        network: whose self-attentions are modulated; the projections get its device.
        projection: which.
        layers: where.
        seed: of the run, which alone decides the initial weights.
    """
    if projection == "identity":
        return None
    count, device = len(self_attentions(network, layers)), next(network.parameters()).device
    with torch.random.fork_rng():
        torch.manual_seed(random_streams.stream_seed(seed, "projection", 0))
        return nn.ModuleList(Projector(projection) for _ in range(count)).to(device)


class Projector(nn.Module):
    """E = proj(M) at the map's own resolution: (H, W) float32 to the same shape; may be negative. Method 2.3."""

    def __init__(self, projection: Projection) -> None:
        super().__init__()
        last = nn.Conv2d(HIDDEN, 1, 1)
        three = nn.Sequential(
            nn.Conv2d(1, HIDDEN, 3, padding=1), nn.ReLU(), nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), nn.ReLU(), last
        )
        self.residual = projection == "conv_residual"
        self.layers = nn.Conv2d(1, 1, 1) if projection == "conv1x1" else three
        if self.residual:
            for parameter in last.parameters():
                nn.init.zeros_(parameter)

    def forward(self, guidance_map: Tensor) -> Tensor:
        """E of a map."""
        projected: Tensor = self.layers(guidance_map[None, None])[0, 0]
        return guidance_map + projected if self.residual else projected


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


Hook = Callable[[nn.Module, Any, Tensor], Tensor]


def _hooks(guidance_map: Tensor, weight: float, attentions: list[Any], projectors: nn.ModuleList | None) -> list[Hook]:
    """One hook for each attention; without projections all alike share one, whose factors are made once."""
    extras: list[int] = [getattr(block, "extra_tokens", 0) for block in attentions]
    if projectors is None:
        shared = {extra: _scaling(guidance_map, weight, extra) for extra in set(extras)}
        return [shared[extra] for extra in extras]
    return [
        _scaling(guidance_map, weight, extra, projector) for projector, extra in zip(projectors, extras, strict=True)
    ]


def _scaling(guidance_map: Tensor, weight: float, extra: int, projector: nn.Module | None = None) -> Hook:
    """A forward hook that scales a layer's output (N, tokens, channels): after its bias, before the head split.

    The first `extra` tokens have factor 1. What a projection makes of the map is made anew at each call: a graph that
    is kept would serve one backward pass, and a batch in parts has several.
    """
    kept: dict[int, Tensor] = {}

    def factors(tokens: int) -> Tensor:
        projected = guidance_map
        if projector is not None:
            with torch.autocast(guidance_map.device.type, enabled=False):
                projected = projector(guidance_map)
        return functional.pad(token_factors(projected, tokens - extra, weight), (0, 0, extra, 0), value=1.0)

    def scale(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        tokens = output.shape[1]
        found = kept[tokens] if tokens in kept else factors(tokens)
        if projector is None:
            kept[tokens] = found
        # The factors are float32, hence the product; it is rounded once: in bfloat16 a factor has two to four levels.
        return (output * found).to(output.dtype)

    return scale
