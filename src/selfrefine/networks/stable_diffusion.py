"""Text-to-image (Rombach et al. 2022): latent diffusion whose U-Net attends to an embedded prompt. Method 5.3.

Saved as diffusers' own pipeline, with the autoencoder and the text encoder in it: whoever loads the folder gets images
of a prompt.
"""

import logging
from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel

from selfrefine.networks import ldm

# StableDiffusionPipeline takes any text encoder that is called as CLIP's is, but names that class and warns of others.
logging.getLogger("diffusers.pipelines.pipeline_utils").addFilter(
    lambda record: "Expected types for text_encoder" not in record.getMessage()
)


def build(
    network: dict[str, Any], diffusion: dict[str, Any], size: int, autoencoder: Any = None, text_encoder: Any = None
) -> Any:
    """Builds diffusers' `StableDiffusionPipeline`.

    Its scheduler takes the times that our samplers take. In a respaced chain a step of diffusers ends T // steps
    below, which is not quite the next time: there the two give nearly the same images, without respacing the same.

    Args:
        network: as for `ddpm`; channels are those of the images. attention_head_dim may have a number for each level.
        diffusion: schedule ("scaled_linear"), timesteps.
        size: of the images, px.
        autoencoder: of `diffusion.autoencoder.load`, kind kl.
        text_encoder: of `text_encoder.load`; its hidden size is the width of the prompts.

    Raises:
        ValueError: no autoencoder or text encoder, or an autoencoder for other images or of another kind.
    """
    from diffusers import StableDiffusionPipeline

    if text_encoder is None:
        raise ValueError("it needs a text encoder, which fetch_text_encoder brings")
    side = ldm.latent_size(autoencoder, network, size)
    channels: int = autoencoder.config.latent_channels
    if not isinstance(autoencoder, AutoencoderKL):
        raise ValueError("its autoencoder is of kind vq, kl needed; edit train_autoencoder.kind of the same rows")
    width: int = text_encoder.model.config.hidden_size
    return StableDiffusionPipeline(
        vae=autoencoder,
        text_encoder=text_encoder.model,
        tokenizer=text_encoder.tokenizer,
        unet=unet(network | {"channels": channels}, side, width),
        scheduler=ldm.scheduler(diffusion, steps_offset=1, timestep_spacing="linspace"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def unet(network: dict[str, Any], size: int, width: int) -> UNet2DConditionModel:
    """The network: one transformer block of self- and cross-attention after each residual one of chosen levels.

    Args:
        network: as for `build`, but channels are those of the latents.
        size: of the latents.
        width: channels of an embedded token.

    Raises:
        ValueError: heads that do not divide the channels.
    """
    levels, dims = network["block_out_channels"], network["attention_head_dim"]
    dims = [dims] * len(levels) if isinstance(dims, int) else dims
    if len(dims) != len(levels) or any(channels % dim for channels, dim in zip(levels, dims, strict=True)):
        raise ValueError(f"attention_head_dim {dims} does not divide block_out_channels {levels}, level by level")
    plain, attentive = ("DownBlock2D", "UpBlock2D"), ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
    blocks = [attentive if attention else plain for attention in network["attention"]]
    return UNet2DConditionModel(
        sample_size=size,
        in_channels=network["channels"],
        out_channels=network["channels"],
        block_out_channels=tuple(levels),
        down_block_types=tuple(down for down, _ in blocks),
        up_block_types=tuple(up for _, up in reversed(blocks)),
        layers_per_block=network["layers_per_block"],
        norm_num_groups=network["norm_num_groups"],
        # diffusers means the number of heads by this name
        attention_head_dim=tuple(channels // dim for channels, dim in zip(levels, dims, strict=True)),
        dropout=network["dropout"],
        cross_attention_dim=width,
        transformer_layers_per_block=1,
    )
