"""Which pipelines the mathematics here fits, whoever made them: one line says what does not."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import UNet2DConditionModel, UNet2DModel

from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.diffusion.forward_process import Prediction

# What a conditional U-Net may ask for besides a prompt.
CONDITIONS = ("class_embed_type", "num_class_embeds", "addition_embed_type", "encoder_hid_dim", "time_cond_proj_dim")


def require(condition: bool, otherwise: str) -> None:
    """Raises InputError unless the condition holds."""
    if not condition:
        raise InputError(otherwise)


def check(
    pipeline: Any,
    given: str = "pipeline",
    predictions: Sequence[Prediction] = ("epsilon",),
    conditions: Sequence[str] = (),
) -> None:
    """Raises InputError unless the pipeline has a float32 network that predicts the noise of square images or latents.

    Args:
        pipeline: of any class, or anything else.
        given: what names it in the message: an argument or a folder.
        predictions: what else than the noise it may predict.
        conditions: which of CONDITIONS its network may ask for.
    """
    network: Any = getattr(pipeline, "unet", None)
    codec = None
    ours = hasattr(getattr(network, "config", None), "continuous_time")
    if not isinstance(network, UNet2DModel | UNet2DConditionModel) and not ours:
        kind = type(pipeline if network is None else network).__name__
        raise InputError(
            f"{given}: {kind} given; a pipeline with a UNet2DModel, UNet2DConditionModel or UViT as `unet` needed"
        )
    prompted = isinstance(network, UNet2DConditionModel)
    if prompted or getattr(pipeline, "vqvae", None) is not None or getattr(pipeline, "vae", None) is not None:
        codec = codec_of(pipeline, given)
    own = network.config
    require(
        not prompted or all(getattr(pipeline, part, None) is not None for part in ("text_encoder", "tokenizer")),
        f"{given}: a conditional network without text_encoder and tokenizer; both needed",
    )
    asked = next((name for name in CONDITIONS if name not in conditions and own.get(name) is not None), None)
    require(asked is None, f"{given}: its network asks for a class or another condition ({asked}); one without needed")
    require(network.dtype == torch.float32, f"{given}: weights are {network.dtype}; load it with torch.float32")
    size = own.sample_size
    require(type(size) is int, f"{given}: sample_size is {size}; one number, the side of square images, needed")
    check_scheduler(getattr(pipeline, "scheduler", None), given, predictions)
    check_channels(pipeline, codec, given)


def codec_of(pipeline: Any, given: str) -> Any:
    """The autoencoder of a latent pipeline.

    Raises:
        InputError: none, or one of another kind.
    """
    found: Any = getattr(pipeline, "vqvae", None) or getattr(pipeline, "vae", None)
    kinds = tuple(autoencoder.CLASSES.values())
    names = " or ".join(kind.__name__ for kind in kinds)
    require(isinstance(found, kinds), f"{given}: {type(found).__name__} as autoencoder; {names} needed")
    require(found.config.get("shift_factor") is None, f"{given}: its autoencoder shifts latents; one without needed")
    return found


def check_channels(pipeline: Any, codec: Any, given: str) -> None:
    """Raises InputError unless the network takes and gives the channels of images, or of the autoencoder's latents."""
    own = pipeline.unet.config
    channels = (own.in_channels, own.out_channels)
    learned = getattr(getattr(pipeline.scheduler, "config", None), "variance_type", None) == "learned_range"
    pairs = [(n, 2 * n if learned else n) for n in ((1, 3) if codec is None else (codec.config.latent_channels,))]
    allowed = " or ".join(map(str, pairs))
    require(channels in pairs, f"{given}: {channels[0], channels[1]} channels in and out; {allowed} needed")


def check_scheduler(scheduler: Any, given: str, predictions: Sequence[Prediction] = ("epsilon",)) -> None:
    """Raises InputError unless the scheduler has noise levels and its network predicts what is allowed."""
    kind, config = type(scheduler).__name__, getattr(scheduler, "config", {})
    predicts = config.get("prediction_type")
    require(predicts in predictions, f"{given}: {kind} predicts {predicts}; {' or '.join(predictions)} needed")
    levels: Any = getattr(scheduler, "alphas_cumprod", ())
    fits = len(levels) > 1 and 0.0 <= float(levels.min()) <= float(levels.max()) <= 1.0
    # From x_t of noise alone no x_0 follows by what is predicted of the noise.
    fits = fits and (predicts != "epsilon" or float(levels.min()) > 0.0)
    require(fits, f"{given}: {kind} has no alphas_cumprod above 0; a DDPM or DDIM scheduler needed")
