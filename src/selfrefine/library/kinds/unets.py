"""Pipelines of a `UNet2DModel` or our `UViT`: of pixels or of a VAE's latents, with or without classes."""

from typing import Any

from selfrefine.diffusion import pipelines
from selfrefine.diffusion.forward_process import PREDICTIONS
from selfrefine.library.kinds.kind import Kind

CLASSES = "num_class_embeds"  # of the config


def fits(_pipeline: Any) -> bool:
    """Every pipeline that is of no other kind: what is wrong with it, `checked` says."""
    return True


def checked(pipeline: Any, given: str) -> Kind:
    """The kind of a pipeline that fits.

    Raises:
        InputError: it does not.
    """
    pipelines.check(pipeline, given, PREDICTIONS, (CLASSES,))
    count = pipeline.unet.config.get(CLASSES)  # our own network has no such setting
    return Kind() if count is None else Kind(condition="classes", classes=int(count))
