"""The forward process and the loss, plain and self-refining.

Notation of method.md: abar_t is the cumulative alpha, M the guidance map in [0, 1], lf its forward weight.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

# How the guidance map enters the forward process: not at all, or in x_t (method 1.2, "F-xt", paper mode).
ForwardProcess = Literal["none", "xt"]


def amplify(noise: Tensor, guidance_map: Tensor, weight: float) -> Tensor:
    """More noise where the map is high: eps~ = eps * (1 + lf M). Paper Eq. 2, method 1.2.

    Args:
        noise: eps, (N, C, H, W) float32.
        guidance_map: M, (H, W) float32 in [0, 1]; shared by the batch and the channels.
        weight: lf >= 0.
    """
    return noise * (1.0 + weight * guidance_map)


def diffuse(images: Tensor, noise: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps. Method 1.1; eps may be amplified.

    Args:
        images: x_0, (N, C, H, W) float32 in [-1, 1].
        noise: (N, C, H, W) float32.
        alphas_cumprod: abar of each image's t, (N,) float32.
    """
    signal = alphas_cumprod.sqrt().view(-1, 1, 1, 1)
    scale = (1.0 - alphas_cumprod).sqrt().view(-1, 1, 1, 1)
    return signal * images + scale * noise


def noise_loss(predicted: Tensor, noise: Tensor) -> Tensor:
    """E || eps - eps_theta(x_t, t) ||^2, the mean over all elements, in float32. Paper Eq. 3, method 1.2.

    The target is the plain eps also where x_t was made with the amplified one.
    """
    return functional.mse_loss(predicted.float(), noise)


def draw_timesteps(n: int, timesteps: int, generator: torch.Generator) -> Tensor:
    """t ~ Uniform{0 ... T-1}, (n,) int64 on the CPU. Method 1.3."""
    return torch.randint(timesteps, (n,), generator=generator)
