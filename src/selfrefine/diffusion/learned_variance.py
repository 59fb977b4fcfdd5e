"""Learned variances (Improved DDPM): what a network says of them, and the variational bound that it learns them from.

Notation of method.md; v is what the network's last C channels hold, beta~ the variance of q(x_t-1 | x_t, x_0).
"""

import math

import torch
from torch import Tensor

from selfrefine.diffusion import forward_process
from selfrefine.diffusion.noise_schedule import Schedule

WEIGHT = 0.001  # lambda of the bound in L_simple + lambda L_vlb: Nichol & Dhariwal 2021, section 3.1
HALF_BIN = 1.0 / 255.0  # half a grey level of images in [-1, 1]
EDGE = 0.999  # beyond it lies the first or last of the 256 levels alone; its bin reaches to infinity
LEAST_MASS = 1e-12  # of a bin: keeps its logarithm finite in float32


def log_variance(v: Tensor, log_lower: Tensor | float, log_beta: Tensor | float) -> Tensor:
    """f log beta + (1 - f) log beta~ with f = (v + 1) / 2. Nichol & Dhariwal 2021, Eq. 15; method 1.4.

    Args:
        v: (N, C, H, W) float32; f is not held to [0, 1].
        log_lower: log beta~, of each image or of all.
        log_beta: log beta, likewise.
    """
    fraction = (v + 1.0) / 2.0
    return fraction * log_beta + (1.0 - fraction) * log_lower


class Bound:
    """The variational bound on -log p(x_0), term by term, in bits per dimension, and the loss made of it. Method 1.4.

    A term is that of an image's own t: KL(q(x_t-1 | x_t, x_0) || p(x_t-1 | x_t)), at t = 0 -log p(x_0 | x_1) of pixels
    of 256 levels. x_0 is not clipped.

    Args:
        schedule: a discrete one.
        device: where the tables stay; None for that of the schedule.
    """

    def __init__(self, schedule: Schedule, device: torch.device | None = None) -> None:
        levels = schedule.alphas_cumprod.cpu().double()
        below = torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]])
        posterior = forward_process.posterior(levels, below)
        # beta~ of t = 0 is 0 and has no logarithm: that of t = 1 in its place, as in Nichol & Dhariwal's code
        smallest = torch.cat([posterior.variance[1:2], posterior.variance[1:]])
        tables = (levels, posterior.from_images, smallest.log(), posterior.beta.log())
        self.tables = torch.stack(tables).float().to(device or schedule.alphas_cumprod.device)
        self.timesteps, self.prediction = len(levels), schedule.prediction

    def loss(self, output: Tensor, images: Tensor, noisy: Tensor, times: Tensor) -> Tensor:
        """lambda L_vlb, added to L_simple, a scalar: it teaches the variance alone, since the mean gets no gradient.

        L_vlb is the sum over all T terms, estimated by T times the mean over the batch; Nichol & Dhariwal 2021,
        section 3.1. x_t is the one that the network saw, amplified or not; the posterior is that of plain (x_0, x_t)
        (method 1.4). The variants that weight or shift the target act on L_simple alone.

        Args:
            output: of the network, (N, 2C, H, W): what it predicts, then v.
            images: x_0, (N, C, H, W) float32.
            noisy: x_t, (N, C, H, W) float32.
            times: (N,) int64.
        """
        predicted, v = output.float().chunk(2, dim=1)
        return WEIGHT * self.timesteps * self.terms(predicted.detach(), v, images, noisy, times).mean()

    def terms(self, predicted: Tensor, v: Tensor, images: Tensor, noisy: Tensor, times: Tensor) -> Tensor:
        """The term of each image, (N,) float32, bits per dimension.

        Args:
            predicted: eps, or what else the network predicts, (N, C, H, W) float32.
            v: (N, C, H, W) float32.
            images: x_0, (N, C, H, W) float32.
            noisy: x_t, (N, C, H, W) float32.
            times: (N,) int64.
        """
        level, from_images, log_lower, log_beta = self.tables[:, times].view(4, -1, 1, 1, 1)
        found_images = forward_process.images_of(predicted, noisy, level, self.prediction)
        apart = from_images * (images - found_images)  # of both means: x_t has the same part in them; at t = 0 of x_0
        modelled = log_variance(v, log_lower, log_beta)
        divergence = gaussian_divergence(apart, log_lower, modelled)
        found = torch.where(times.view(-1, 1, 1, 1) == 0, pixel_surprise(images, apart, modelled), divergence)
        return found.mean(dim=(1, 2, 3)) / math.log(2.0)


def gaussian_divergence(apart: Tensor, log_variance: Tensor, other: Tensor) -> Tensor:
    """KL(N(m, s) || N(m', s')) of each element, in nats.

    Args:
        apart: m - m'.
        log_variance: log s.
        other: log s'.
    """
    doubled = other - log_variance - 1.0 + torch.exp(log_variance - other) + apart.square() * torch.exp(-other)
    return 0.5 * doubled


def pixel_surprise(images: Tensor, apart: Tensor, log_variance: Tensor) -> Tensor:
    """-log of the mass that a Gaussian has in the bin of each pixel's grey level, in nats. Ho et al. 2020, Eq. 13.

    Args:
        images: pixels, in [-1, 1].
        apart: pixel - mean of the Gaussian.
        log_variance: of the Gaussian.
    """
    scale = torch.exp(-0.5 * log_variance) / math.sqrt(2.0)
    low = ((apart - HALF_BIN) * scale).masked_fill(images < -EDGE, -math.inf)
    high = ((apart + HALF_BIN) * scale).masked_fill(images > EDGE, math.inf)
    mirrored = low + high > 0.0  # where distribution functions are near 1, their difference has few digits left
    low, high = torch.where(mirrored, -high, low), torch.where(mirrored, -low, high)
    mass = 0.5 * (torch.erfc(-high) - torch.erfc(-low))
    return -mass.clamp(min=LEAST_MASS).log()
