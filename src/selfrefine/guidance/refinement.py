"""How a variant uses its map, whatever the map is made of, and when the map is due for a refresh."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from selfrefine.diffusion.forward_process import ForwardProcess
from selfrefine.guidance.attention_modulation import Layers, Projection, ReverseProcess


@dataclass(frozen=True)
class Refinement:
    """The use of a map in an update: a row of `variants`; switches that are not given are in paper mode.

    Args:
        forward: how the map enters the forward process.
        forward_weight: lf >= 0.
        reverse: how the map enters attention.
        reverse_weight: lr >= 0.
        cycle: steps between two refreshes.
        gamma: strength of DDPM-IP's input perturbation, in the place of the forward process; 0 for none.
        projection: what the map passes on its way to attention.
        layers: which attentions.
        min_snr_gamma: of the min-SNR weights of the loss, which need no map; 0 for none.
    """

    forward: ForwardProcess
    forward_weight: float
    reverse: ReverseProcess
    reverse_weight: float
    cycle: int
    gamma: float = 0.0
    projection: Projection = "identity"
    layers: Layers = "all"
    min_snr_gamma: float = 0.0

    @property
    def uses_map(self) -> bool:
        """Whether any process reads the map."""
        return self.forward != "none" or self.reverse != "none"

    def due(self, step: int, first_step: int) -> bool:
        """Whether the map is refreshed before the update of `step`: at the first step of the phase and when the global
        step is a multiple of the cycle (method 3).
        """
        return self.uses_map and (step == first_step or step % self.cycle == 0)


class Maps(NamedTuple):
    """What a refresh makes, (H, H) float32 each: the mFAM, in [0, 1], and the map that the variant uses."""

    mfam: Tensor
    used: Tensor


class Refresh(Protocol):
    """What makes the maps of a phase and keeps what is needed of them afterwards: `guidance.map_history`."""

    @property
    def current(self) -> Tensor | None:
        """The map in use, (H, H) float32 on the device; None before the first refresh."""

    @property
    def rows(self) -> Sequence[Sequence[float]]:
        """Numbers about each refresh."""

    def __call__(self, network: nn.Module, step: int) -> None:
        """Makes the map that is in use from this step on, with the network, which has its EMA weights."""

    def tensors(self) -> dict[str, Tensor]:
        """All that the next refresh and the result depend on beside `rows`, by name."""

    def restore(self, tensors: Mapping[str, Tensor], rows: Any, device: torch.device) -> None:
        """Takes over what `tensors` and `rows` were."""
