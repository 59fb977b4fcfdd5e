"""`StableDiffusionPipeline` and its like: a `UNet2DConditionModel` on a VAE's latents that attends to one prompt."""

from typing import Any

from diffusers import UNet2DConditionModel

from selfrefine.diffusion import pipelines
from selfrefine.diffusion.forward_process import PREDICTIONS
from selfrefine.library.kinds.kind import Kind


def fits(pipeline: Any) -> bool:
    """Whether its network is such a one."""
    return isinstance(getattr(pipeline, "unet", None), UNet2DConditionModel)


def checked(pipeline: Any, given: str) -> Kind:
    """The kind of a pipeline that fits.

    Raises:
        InputError: it does not: two text encoders (SDXL), inpainting channels, another condition beside the prompt.
    """
    pipelines.check(pipeline, given, PREDICTIONS)
    return Kind(condition="captions")
