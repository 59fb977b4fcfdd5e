"""A tiny pipeline of each family, and such of other people: what commands and library meet in a folder."""

from collections.abc import Callable
from typing import Any

from diffusers import (
    AutoencoderTiny,
    CMStochasticIterativeScheduler,
    ConsistencyModelPipeline,
    DDIMPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    PNDMScheduler,
    ScoreSdeVeScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.pipelines import LDMPipeline

from selfrefine import networks
from tests.support import tiny, tiny_improved_ddpm, tiny_latent, tiny_prompt, tiny_uvit

PIXELS, LATENTS, PROMPTS = "pixels", "latents", "prompts"  # what a pipeline works on


def _unet(**changes: Any) -> UNet2DModel:
    """The network of `tiny`, changed."""
    config = tiny.tiny_pipeline().unet.config
    return UNet2DModel(**{name: value for name, value in config.items() if not name.startswith("_")} | changes)


def _ddpm(**scheduler: Any) -> Any:
    return DDPMPipeline(unet=_unet(), scheduler=DDPMScheduler(num_train_timesteps=tiny.TIMESTEPS, **scheduler))


def _stable_diffusion(vae: Any = None, scheduler: Any = None, **unet: Any) -> Any:
    """Stable Diffusion with another part."""
    made = tiny_prompt.pipeline("clip")
    config = {name: value for name, value in made.unet.config.items() if not name.startswith("_")}
    return StableDiffusionPipeline(
        vae=made.vae if vae is None else vae,
        text_encoder=made.text_encoder,
        tokenizer=made.tokenizer,
        unet=UNet2DConditionModel(**config | unet),
        scheduler=scheduler or made.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _dit() -> Any:
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=3,
        out_channels=6,
        num_layers=1,
        sample_size=4,
        patch_size=2,
        num_embeds_ada_norm=4,
        norm_num_groups=2,
    )
    return DiTPipeline(transformer=transformer, vae=tiny_latent.autoencoder("kl"), scheduler=DDIMScheduler())


# What makes it, and what it works on.
FITTING: dict[str, tuple[Callable[[], networks.Pipeline], str]] = {
    "ddpm": (tiny.tiny_pipeline, PIXELS),
    "improved_ddpm": (tiny_improved_ddpm.pipeline, PIXELS),
    "uvit": (tiny_uvit.tiny_pipeline, PIXELS),
    "ldm vq": (lambda: tiny_latent.pipeline("vq", scale=0.7), LATENTS),
    "ldm kl": (lambda: tiny_latent.pipeline("kl", scale=0.7), LATENTS),
    "stable_diffusion": (tiny_prompt.pipeline, PROMPTS),
    "ddim of others": (
        lambda: DDIMPipeline(unet=_unet(), scheduler=DDIMScheduler(num_train_timesteps=tiny.TIMESTEPS)),
        PIXELS,
    ),
    "pndm of others": (
        lambda: DDPMPipeline(unet=_unet(), scheduler=PNDMScheduler(num_train_timesteps=tiny.TIMESTEPS)),
        PIXELS,
    ),
    "grey of others": (
        lambda: DDPMPipeline(
            unet=_unet(in_channels=1, out_channels=1), scheduler=DDPMScheduler(num_train_timesteps=tiny.TIMESTEPS)
        ),
        PIXELS,
    ),
    "velocity of others": (lambda: _ddpm(prediction_type="v_prediction"), PIXELS),
    "images of others": (lambda: _ddpm(prediction_type="sample"), PIXELS),
    "stable diffusion of others": (
        lambda: _stable_diffusion(scheduler=PNDMScheduler(num_train_timesteps=tiny.TIMESTEPS, skip_prk_steps=True)),
        PROMPTS,
    ),
}
# What makes it, and the words with which everything refuses it.
FOREIGN: dict[str, tuple[Callable[[], networks.Pipeline], str]] = {
    "zero snr": (lambda: _ddpm(rescale_betas_zero_snr=True), "no alphas_cumprod above 0"),
    "variances without a network for them": (lambda: _ddpm(variance_type="learned_range"), "channels in and out"),
    "score-based": (
        lambda: DDPMPipeline(unet=_unet(), scheduler=ScoreSdeVeScheduler()),
        "ScoreSdeVeScheduler predicts None; epsilon or v_prediction or sample needed",
    ),
    "a consistency model": (
        lambda: ConsistencyModelPipeline(unet=_unet(), scheduler=CMStochasticIterativeScheduler()),
        "predicts None; epsilon or v_prediction or sample needed",
    ),
    "classes": (
        lambda: DDPMPipeline(unet=_unet(num_class_embeds=3), scheduler=DDPMScheduler()),
        "asks for a class or another condition (num_class_embeds)",
    ),
    "oblong images": (
        lambda: DDPMPipeline(unet=_unet(sample_size=(8, 16)), scheduler=DDPMScheduler()),
        "one number, the side of square images, needed",
    ),
    "five channels": (
        lambda: DDPMPipeline(unet=_unet(in_channels=5, out_channels=5), scheduler=DDPMScheduler()),
        "(5, 5) channels in and out; (1, 1) or (3, 3) needed",
    ),
    "a transformer of latents": (_dit, "DiTPipeline given; a pipeline with a UNet2DModel"),
    "inpainting of latents": (lambda: _stable_diffusion(in_channels=7), "(7, 3) channels in and out; (3, 3) needed"),
    "a small decoder": (
        lambda: _stable_diffusion(vae=AutoencoderTiny(latent_channels=3)),
        "AutoencoderTiny as autoencoder; VQModel or AutoencoderKL needed",
    ),
    "latents of other channels": (
        lambda: LDMPipeline(
            vqvae=tiny_latent.autoencoder(),
            unet=_unet(in_channels=1, out_channels=1),
            scheduler=DDIMScheduler(num_train_timesteps=tiny.TIMESTEPS),
        ),
        "(1, 1) channels in and out; (3, 3) needed",
    ),
}
