"""Latent diffusion (Rombach et al. 2022): the U-Net of `ddpm` on latents of an autoencoder. Method 5.1.

Saved as diffusers' own pipeline, with the autoencoder in it: whoever loads the folder gets images.
"""

from typing import Any

from diffusers import DDIMScheduler, LDMPipeline

from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.networks import ddpm

# beta rises from the first to the last one so that its square root is linear: diffusers' "scaled_linear"
FIRST_BETA, LAST_BETA = 0.0015, 0.0195


def build(network: dict[str, Any], diffusion: dict[str, Any], size: int, autoencoder: Any = None) -> LDMPipeline:
    """Builds the pipeline.

    Args:
        network: as for `ddpm`; channels are those of the images, so that data sets say them alike for all families.
        diffusion: schedule ("scaled_linear"), timesteps.
        size: of the images, px.
        autoencoder: of `diffusion.autoencoder.load`.

    Raises:
        ValueError: no autoencoder, or one for other images.
    """
    side = latent_size(autoencoder, network, size)
    unet = ddpm.unet(network | {"channels": autoencoder.config.latent_channels}, side)
    return LDMPipeline(vqvae=autoencoder, unet=unet, scheduler=scheduler(diffusion))


def latent_size(autoencoder: Any, network: dict[str, Any], size: int) -> int:
    """Height and width of the latents of images of `size` px.

    Args:
        autoencoder, network, size: as for `build`.

    Raises:
        ValueError: no autoencoder, or one for other images.
    """
    if autoencoder is None:
        raise ValueError("it needs an autoencoder, which train_autoencoder makes")
    own, factor = autoencoder.config, diffusion_autoencoder.factor(autoencoder)
    if own.in_channels != network["channels"] or size % factor:
        raise ValueError(
            f"images have {network['channels']} channels and {size} px, the autoencoder takes {own.in_channels} "
            f"channels and multiples of {factor} px; edit train_autoencoder.network of the same rows"
        )
    return size // factor


def scheduler(diffusion: dict[str, Any], **others: Any) -> DDIMScheduler:
    """The schedule of latent diffusion.

    Args:
        diffusion: as for `build`.
        others: further arguments of DDIMScheduler.
    """
    return DDIMScheduler(
        num_train_timesteps=diffusion["timesteps"],
        beta_start=FIRST_BETA,
        beta_end=LAST_BETA,
        beta_schedule=diffusion["schedule"],
        clip_sample=False,  # latents have no bounds
        **others,
    )
