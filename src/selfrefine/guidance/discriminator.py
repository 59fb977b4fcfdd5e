"""A network whose noise is corrected by a discriminator of noisy images as images are sampled.

Kim, Kim, Kwon, Kang and Moon 2023, "Refining Generative Process with Discriminator Guidance in Score-based Diffusion
Models" (arXiv 2211.17091). Where a discriminator tells p_real / p_fake of x_t, the score of what a network makes lacks
just the gradient of its logarithm.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from selfrefine.core.errors import InputError
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.wrapped_network import WrappedNetwork
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.model import FAKE, REAL, Highlighter

SCALE = "discriminator_scale"  # the leaf
PIECE = 16  # images that pass the discriminator together: its activations are kept for the gradient


class DiscriminatorGuided(WrappedNetwork):
    """eps = eps_main - w sqrt(1 - abar_t) grad log(p_real / p_fake)(x_t); a learned variance is the network's.

    # Not in paper. In units of the noise, which is -sqrt(1 - abar_t) times the score, the source's sum of the score and
    # the gradient. Its discriminator is told the time: VGG16 has no input for it, and sees how noisy the image is.

    Args:
        network: a diffusers network that predicts the noise of images.
        discriminator: of noisy images; the difference of its logits is the logarithm, as it learned from equally many
            reals and fakes.
        schedule: of the network, on its device.
        scale: w > 0; 1 is the source's correction.
    """

    def __init__(self, network: Any, discriminator: Highlighter, schedule: Schedule, scale: float) -> None:
        super().__init__(network)
        self.discriminator, self.schedule, self.scale = discriminator, schedule, scale

    def forward(self, noisy: Tensor, t: Any, *prompts: Tensor) -> Any:
        """The output, with the noise in `sample`, for x_t (N, C, H, W) float32 at a time t, () on its device."""
        channels = noisy.shape[1]
        output = self.network(noisy, t, *prompts).sample.float()
        deviation = (1.0 - self.schedule.alphas_cumprod_at(t)).sqrt()
        missing = torch.cat([self._gradient(piece) for piece in torch.split(noisy, PIECE)])
        noise = output[:, :channels] - self.scale * deviation * missing
        return SimpleNamespace(sample=torch.cat([noise, output[:, channels:]], dim=1))

    def _gradient(self, noisy: Tensor) -> Tensor:
        """grad log(p_real / p_fake), (N, C, H, W) float32; no image of a batch touches another."""
        with torch.enable_grad():
            images = noisy.detach().float().requires_grad_()
            logits = self.discriminator(self.discriminator.prepare(images, [])).float()
            (gradient,) = torch.autograd.grad((logits[:, REAL] - logits[:, FAKE]).sum(), images)
        return gradient


def guided(network: Any, discriminator: Highlighter | None, schedule: Schedule, scale: float) -> Any:
    """The network under its discriminator; without one the network itself.

    Args:
        network, discriminator, scale: as for `DiscriminatorGuided`.
        schedule: of the network, wherever it lies.
    """
    if discriminator is None:
        return network
    return DiscriminatorGuided(network, discriminator, schedule.to(network.device), scale)


def load(files: tuple[Path, ...], device: torch.device, scale: float, row: str) -> Highlighter | None:
    """The discriminator of a job, on the device; None where the scale is 0.

    Args:
        files: the highlighter of noisy images, alone; nothing for a scale of 0.
        device: where it computes.
        scale: w.
        row: of samplings in params.yaml, for errors.

    Raises:
        InputError: no discriminator where one is needed, or a highlighter of clean images.
    """
    if scale == 0.0:
        return None
    if len(files) != 1:
        raise InputError(
            f"params.yaml: generate_samples.{SCALE} of samplings.{row} is {scale:g}, and {len(files)} highlighters are "
            "given to guide it; one is needed, that of the row's discriminated_by"
        )
    model = highlighter_model.load(files[0], device)
    if not model.noised:
        raise InputError(
            f"{files[0]}: a highlighter of clean images; samplings.{row} needs one trained with noised: true"
        )
    return model.requires_grad_(False)
