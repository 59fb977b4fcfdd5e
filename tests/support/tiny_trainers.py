"""A trainer of each model family at its smallest."""

import torch

from selfrefine import networks
from selfrefine.diffusion import noise_schedule
from selfrefine.training.trainer import Trainer
from tests.support import tiny, tiny_improved_ddpm, tiny_latent, tiny_prompt, tiny_uvit

FAMILIES = ["ddpm", "improved_ddpm", "uvit", "ldm", "stable_diffusion"]
LATENT = ("ldm", "stable_diffusion")


def pipeline(family: str, dropout: float = 0.0) -> networks.Pipeline:
    """An untrained pipeline; the U-ViT has no dropout."""
    match family:
        case "ddpm":
            return tiny.tiny_pipeline(dropout=dropout)
        case "improved_ddpm":
            return tiny_improved_ddpm.pipeline(dropout=dropout)
        case "uvit":
            return tiny_uvit.tiny_pipeline()
        case "ldm":
            return tiny_latent.pipeline(dropout=dropout)
        case _:
            return tiny_prompt.pipeline(dropout=dropout)


def trainer(
    family: str, dropout: float = 0.0, dtype: torch.dtype = torch.float32, device: str = "cpu", **settings: object
) -> Trainer:
    """A trainer at step 0 of images or their latents; `settings` replace those of `tiny_settings`."""
    made, latent = pipeline(family, dropout), family in LATENT
    made.unet.to(device)
    images = tiny_latent.latents() if latent else tiny.tiny_images()
    captions = tiny_prompt.captions() if family == "stable_diffusion" else None
    how = tiny.tiny_settings(**{"horizontal_flip": not latent} | settings)
    return Trainer(made.unet, noise_schedule.of(made), images, how, seed=0, dtype=dtype, captions=captions)


def some_map(of: Trainer, number: int = 1) -> torch.Tensor:
    """A random map at the resolution of the network's images."""
    side = of.network.config.sample_size
    return torch.rand((side, side), generator=torch.Generator().manual_seed(number)).to(of.device)
