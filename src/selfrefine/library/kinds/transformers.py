"""`DiTPipeline`: a `DiTTransformer2DModel` on a VAE's latents, told the class of an image (Peebles & Xie 2023)."""

from typing import Any

import torch
from diffusers import DiTTransformer2DModel

from selfrefine.diffusion import pipelines
from selfrefine.diffusion.forward_process import PREDICTIONS
from selfrefine.diffusion.pipelines import require
from selfrefine.library.kinds.kind import Kind


def fits(pipeline: Any) -> bool:
    """Whether its network is a transformer of diffusers."""
    return getattr(pipeline, "transformer", None) is not None


def checked(pipeline: Any, given: str) -> Kind:
    """The kind of a pipeline that fits.

    Raises:
        InputError: it does not: a transformer that joins prompts with the image's tokens (SD3, Flux) is called and
            modulated otherwise.
    """
    network: Any = pipeline.transformer
    kind = type(network).__name__
    require(
        isinstance(network, DiTTransformer2DModel),
        f"{given}: {kind} as transformer; DiTTransformer2DModel or PixArtTransformer2DModel needed, or a pipeline of a "
        "UNet2DModel or UNet2DConditionModel",
    )
    classes = int(network.config.num_embeds_ada_norm)
    # Not in paper: what a wider network says of the variance is trained as Improved DDPM's, because DiT's was; the
    # schedulers of its pipelines do not name it.
    return Kind("transformer", "classes", classes, null=classes, learned_variance=check_latents(pipeline, given))


def check_latents(pipeline: Any, given: str) -> bool:
    """Whether a transformer, which is on square latents in float32, says something of variances, too.

    Raises:
        InputError: it is on something else, or its scheduler has no noise levels.
    """
    network: Any = pipeline.transformer
    own, codec = network.config, pipelines.codec_of(pipeline, given)
    require(network.dtype == torch.float32, f"{given}: weights are {network.dtype}; load it with torch.float32")
    size, channels, latent = own.sample_size, (own.in_channels, network.out_channels), codec.config.latent_channels
    require(type(size) is int, f"{given}: sample_size is {size}; one number, the side of square images, needed")
    pipelines.check_scheduler(getattr(pipeline, "scheduler", None), given, PREDICTIONS)
    pairs = [(latent, latent), (latent, 2 * latent)]
    require(channels in pairs, f"{given}: {channels} channels in and out; {pairs[0]} or {pairs[1]} needed")
    return channels == pairs[1]
