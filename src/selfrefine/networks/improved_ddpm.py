"""Improved DDPM (Nichol & Dhariwal 2021): DDPM's U-Net with scale-shift norm, cosine schedule, learned variance."""

from typing import Any

from diffusers import DDPMPipeline

from selfrefine.networks import ddpm


def build(network: dict[str, Any], diffusion: dict[str, Any], size: int) -> DDPMPipeline:
    """Builds the pipeline; with learned variance its network gives 2C channels for C. Method 5.1.

    Args:
        network: as of family ddpm.
        diffusion: schedule (diffusers' name; the paper's cosine is "squaredcos_cap_v2"), timesteps, learned_variance
            (false: DDPM's large variance, as in the authors' code; method 6, row 28).
        size: px.
    """
    learned: bool = diffusion["learned_variance"]
    unet = ddpm.unet(
        network,
        size,
        outputs=2 if learned else 1,
        resnet_time_scale_shift="scale_shift",
        attn_norm_num_groups=network["norm_num_groups"],  # without it the middle attention would have no norm
    )
    return DDPMPipeline(unet=unet, scheduler=ddpm.scheduler(diffusion, "learned_range" if learned else "fixed_large"))
