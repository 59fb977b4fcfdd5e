"""What a step of training draws, by name, and its way to the device without a wait of the host."""

import torch
from torch import Tensor

Draws = dict[str, Tensor]


def pinned(draws: Draws, device: torch.device) -> Draws:
    """The same; for CUDA in memory that stays where it is, which a card reads by itself."""
    return {name: tensor.pin_memory() for name, tensor in draws.items()} if device.type == "cuda" else draws


def sent(draws: Draws, device: torch.device) -> Draws:
    """Copies on the device; on a CPU the draws themselves. The host waits for none, but for MPS, which pins nothing."""
    wait = device.type == "mps"
    return {name: tensor.to(device, non_blocking=not wait) for name, tensor in pinned(draws, device).items()}
