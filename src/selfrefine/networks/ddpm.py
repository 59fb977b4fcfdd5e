"""DDPM (Ho et al. 2020): diffusers' U-Net with self-attention at chosen levels, linear schedule, large variance."""

from typing import Any

from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel


def build(network: dict[str, Any], diffusion: dict[str, Any], size: int) -> DDPMPipeline:
    """Builds the pipeline.

    Args:
        network: channels, block_out_channels, attention (one flag a level), layers_per_block, norm_num_groups,
            attention_head_dim, dropout.
        diffusion: schedule ("linear": beta from 0.0001 to 0.02), timesteps.
        size: px.
    """
    return DDPMPipeline(unet=unet(network, size), scheduler=scheduler(diffusion, "fixed_large"))


def unet(network: dict[str, Any], size: int, *, outputs: int = 1, **others: Any) -> UNet2DModel:
    """The network.

    Args:
        network: as above.
        size: px.
        outputs: channels that it gives for each of the image.
        others: further arguments of UNet2DModel.
    """
    plain, attentive = ("DownBlock2D", "UpBlock2D"), ("AttnDownBlock2D", "AttnUpBlock2D")
    levels = [attentive if attention else plain for attention in network["attention"]]
    return UNet2DModel(
        sample_size=size,
        in_channels=network["channels"],
        out_channels=outputs * network["channels"],
        block_out_channels=tuple(network["block_out_channels"]),
        down_block_types=tuple(down for down, _ in levels),
        up_block_types=tuple(up for _, up in reversed(levels)),
        layers_per_block=network["layers_per_block"],
        norm_num_groups=network["norm_num_groups"],
        attention_head_dim=network["attention_head_dim"],
        dropout=network["dropout"],
        **others,
    )


def scheduler(diffusion: dict[str, Any], variance: str) -> DDPMScheduler:
    """The scheduler, with diffusers' name of the variance of a reverse step."""
    return DDPMScheduler(
        num_train_timesteps=diffusion["timesteps"],
        beta_schedule=diffusion["schedule"],
        variance_type=variance,
        clip_sample=True,
    )
