"""A network that is guided away from a worse one as images are sampled; no training of its own.

Two methods are this one sum with different guides. Autoguidance takes the network's own earlier checkpoint (Karras,
Aittala, Kynkaanniemi, Lehtinen, Aila and Laine 2024, "Guiding a Diffusion Model with a Bad Version of Itself", arXiv
2406.02507); negative guidance a copy that went on learning from its own samples (Alemohammad, Humayun, Agarwal,
Collomosse and Baraniuk 2024, "Self-Improving Diffusion Models with Synthetic Data", arXiv 2408.16333).
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from selfrefine import networks
from selfrefine.core.errors import InputError
from selfrefine.diffusion.forward_process import predicted_of
from selfrefine.diffusion.wrapped_network import WrappedNetwork

SCALE = "guide_scale"  # the leaf


class GuidedNetwork(WrappedNetwork):
    """eps = eps_guide + w (eps_main - eps_guide); a learned variance is the main network's.

    # Not in paper. Autoguidance writes it of denoised images, D_guide + w (D_main - D_guide), which at one x_t is the
    # same line; negative guidance as (1 + omega) eps_main - omega eps_guide, so that w = 1 + omega.

    Args:
        network: the main one, a diffusers network that predicts noise.
        guide: the worse one, with the same schedule.
        scale: w > 1; with 1 the guide has no part in it.
    """

    def __init__(self, network: Any, guide: Any, scale: float) -> None:
        super().__init__(network)
        self.guide, self.scale = guide, scale

    def forward(self, noisy: Tensor, t: Any, *prompts: Tensor) -> Any:
        """The output, with the noise in `sample`, for x_t (N, C, H, W) float32: two evaluations."""
        channels = noisy.shape[1]
        main = self.network(noisy, t, *prompts).sample.float()
        away = predicted_of(self.guide(noisy, t, *prompts).sample.float(), channels)
        noise = away + self.scale * (main[:, :channels] - away)
        return SimpleNamespace(sample=torch.cat([noise, main[:, channels:]], dim=1))


def guided(network: Any, guide: Any, scale: float) -> Any:
    """The network under its guide; for a scale of 1 the network itself."""
    return network if scale == 1.0 else GuidedNetwork(network, guide, scale)


def load(folders: tuple[Path, ...], device: torch.device, scale: float, row: str) -> Any:
    """The guide of a job, on the device; None where the scale is 1.

    Args:
        folders: the diffusers folder of the guide, alone; nothing for a scale of 1.
        device: where it computes.
        scale: w.
        row: of samplings in params.yaml, for errors.

    Raises:
        InputError: no guide where one is needed.
    """
    if scale == 1.0:
        return None
    if len(folders) != 1:
        raise InputError(
            f"params.yaml: generate_samples.{SCALE} of samplings.{row} is {scale:g}, and {len(folders)} networks are "
            "given to guide it; one is needed, that of the row's guided_by"
        )
    return networks.load(folders[0], device).unet.eval()
