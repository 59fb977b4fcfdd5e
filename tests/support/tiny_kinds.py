"""A tiny pipeline of every kind that the library takes: diffusers' own classes, random weights, images of 16 px."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    DPMSolverMultistepScheduler,
    PixArtAlphaPipeline,
    PixArtTransformer2DModel,
    PNDMScheduler,
    SanaTransformer2DModel,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from diffusers.pipelines import LDMPipeline

from selfrefine import library
from tests.support import tiny, tiny_latent, tiny_prompt, tiny_uvit

SIZE, LATENT, CLASSES, IMAGES = 16, 8, 3, 24
WORDS = tiny_prompt.PROMPTS[1:]


def images(n: int = IMAGES) -> np.ndarray:
    """(n, 16, 16, 3) uint8."""
    return tiny.tiny_images(n, SIZE)


def ddpm(**scheduler: Any) -> DDPMScheduler:
    """A schedule of few steps."""
    return DDPMScheduler(num_train_timesteps=tiny.TIMESTEPS, **scheduler)


def unet(**changes: Any) -> UNet2DModel:
    """A U-Net with attention at its lower level and in the middle."""
    sizes = {"sample_size": SIZE, "in_channels": 3, "out_channels": 3, "block_out_channels": (8, 8)}
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    others = {"layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4}
    return UNet2DModel(**sizes | blocks | others | changes)


def pixels(scheduler: dict[str, Any] | None = None, **network: Any) -> Any:
    """A pipeline of pixels."""
    return DDPMPipeline(unet=unet(**network), scheduler=ddpm(**scheduler or {}))


def latents(kind: Any, scheduler: Any = None, **network: Any) -> Any:
    """A pipeline of an autoencoder's latents."""
    codec = tiny_latent.autoencoder(kind, scale=0.7, size=SIZE)
    network = {"sample_size": LATENT} | network
    return LDMPipeline(vqvae=codec, unet=unet(**network), scheduler=scheduler or DDIMScheduler(tiny.TIMESTEPS))


def stable_diffusion(scheduler: Any = None, **network: Any) -> Any:
    """Stable Diffusion, with CLIP's kind of text encoder."""
    encoder = tiny_prompt.encoder("clip", tokens=24)
    config = {
        "sample_size": LATENT,
        "in_channels": 3,
        "out_channels": 3,
        "block_out_channels": (8, 8),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 2,
        "cross_attention_dim": tiny_prompt.WIDTH,
    }
    return StableDiffusionPipeline(
        vae=tiny_latent.autoencoder("kl", scale=0.5, size=SIZE),
        text_encoder=encoder.model,
        tokenizer=encoder.tokenizer,
        unet=UNet2DConditionModel(**config | network),
        scheduler=scheduler or PNDMScheduler(tiny.TIMESTEPS, skip_prk_steps=True, beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def dit(out_channels: int = 6) -> Any:
    """DiT, whose weights are not the zeros that it begins with: then it would say 0 of everything."""
    transformer = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=3,
        out_channels=out_channels,
        num_layers=2,
        sample_size=LATENT,
        patch_size=2,
        num_embeds_ada_norm=CLASSES,
        norm_num_groups=2,
    )
    codec = tiny_latent.autoencoder("kl", scale=0.7, size=SIZE)
    names = {number: f"kind {number}" for number in range(CLASSES)}
    made = DiTPipeline(transformer=transformer, vae=codec, scheduler=DDIMScheduler(tiny.TIMESTEPS), id2label=names)
    made.register_to_config(id2label={str(number): name for number, name in names.items()})  # as folders of others
    return made


def pixart(pipeline: Any = PixArtAlphaPipeline, scheduler: Any = None, encoder: Any = True, **network: Any) -> Any:
    """A transformer that reads prompts with a mask, with T5's kind of text encoder, of no width in common with it."""
    text_encoder, tokenizer = tiny_prompt.t5() if encoder else (None, None)
    config = {"num_attention_heads": 2, "cross_attention_dim": 8, "out_channels": 6, "num_layers": 1} | network
    transformer = PixArtTransformer2DModel(
        attention_head_dim=4,
        in_channels=3,
        sample_size=LATENT,
        patch_size=2,
        caption_channels=tiny_prompt.T5_WIDTH,
        norm_num_groups=2,
        **config,
    )
    return pipeline(
        transformer=transformer,
        vae=tiny_latent.autoencoder("kl", scale=0.7, size=SIZE),
        scheduler=scheduler or DPMSolverMultistepScheduler(tiny.TIMESTEPS),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
    )


def sana() -> Any:
    """A transformer that is of no kind here."""
    sizes = {"num_attention_heads": 1, "attention_head_dim": 8, "num_cross_attention_heads": 1}
    others = {"cross_attention_head_dim": 8, "cross_attention_dim": 8, "caption_channels": 8, "mlp_ratio": 1.0}
    network = SanaTransformer2DModel(3, 3, num_layers=1, sample_size=LATENT, **sizes, **others)
    return DiTPipeline(
        transformer=network, vae=tiny_latent.autoencoder("kl", size=SIZE), scheduler=DDIMScheduler(tiny.TIMESTEPS)
    )


def two_steps(pipeline: Any) -> Any:
    """Two of its own inference."""
    return pipeline(num_inference_steps=2, output_type="np").images


def of_a_class(pipeline: Any) -> Any:
    """A step of a network with classes, for which diffusers has no pipeline."""
    noisy = torch.randn(1, 3, pipeline.unet.config.sample_size, pipeline.unet.config.sample_size)
    t = torch.tensor(tiny.TIMESTEPS - 1)
    said = pipeline.unet(noisy, t, class_labels=torch.tensor([1])).sample
    pipeline.scheduler.set_timesteps(2)
    return pipeline.scheduler.step(said, pipeline.scheduler.timesteps[0], noisy).prev_sample.detach().numpy()


def of_a_prompt(pipeline: Any) -> Any:
    """Two steps under a prompt."""
    return pipeline(WORDS[0], num_inference_steps=2, guidance_scale=3.0, output_type="np").images


def of_a_masked_prompt(pipeline: Any, prompts: Any = WORDS[0], **more: Any) -> Any:
    """Two steps of PixArt, at the only size that it has; words as they are, which else needs another package."""
    how = {"num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "np", "use_resolution_binning": False}
    return pipeline(prompts, clean_caption=False, **how | more).images


def of_a_label(pipeline: Any) -> Any:
    """Two steps of DiT, which guides by class 1000 whatever number of classes there is."""
    return pipeline([1], num_inference_steps=2, guidance_scale=1.0, output_type="np").images


@dataclass(frozen=True)
class Kind:
    """What makes it, one inference by stock diffusers, and what each image shows."""

    make: Callable[[], Any]
    infer: Callable[[Any], Any] = two_steps
    shows: Sequence[Any] = ()

    def pipeline(self) -> Any:
        """Always the same one."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            made = self.make()
            for name in ("unet", "transformer"):
                for parameter in getattr(made, name, torch.nn.Identity()).parameters():
                    parameter.data += 0.02 * torch.randn(parameter.shape)
        return made

    def conditions(self, n: int = IMAGES, **how: Any) -> Any:
        """Of n images; None of a network that is told nothing."""
        if not self.shows:
            return None
        return library.Conditions([self.shows[row % len(self.shows)] for row in range(n)], **how)


NUMBERS = range(CLASSES)
KINDS = {
    "epsilon": Kind(pixels),
    "v_prediction": Kind(lambda: pixels({"prediction_type": "v_prediction"})),
    "sample": Kind(lambda: pixels({"prediction_type": "sample"})),
    "v of a schedule that ends in noise": Kind(
        lambda: pixels({"prediction_type": "v_prediction", "rescale_betas_zero_snr": True})
    ),
    "learned variance": Kind(lambda: pixels({"variance_type": "learned_range"}, out_channels=6)),
    "v and learned variance": Kind(
        lambda: pixels({"prediction_type": "v_prediction", "variance_type": "learned_range"}, out_channels=6)
    ),
    "grey": Kind(lambda: pixels(in_channels=1, out_channels=1)),
    "classes": Kind(lambda: pixels(num_class_embeds=CLASSES), of_a_class, NUMBERS),
    "classes and v": Kind(
        lambda: pixels({"prediction_type": "v_prediction"}, num_class_embeds=CLASSES), of_a_class, NUMBERS
    ),
    "transformer of ours": Kind(lambda: tiny_uvit.tiny_pipeline(size=SIZE)),
    "latents vq": Kind(lambda: latents("vq")),
    "latents kl": Kind(lambda: latents("kl")),
    "latents and v": Kind(lambda: latents("kl", DDIMScheduler(tiny.TIMESTEPS, prediction_type="v_prediction"))),
    "latents and classes": Kind(lambda: latents("kl", num_class_embeds=CLASSES), of_a_class, NUMBERS),
    "stable diffusion 1": Kind(stable_diffusion, of_a_prompt, WORDS),
    "stable diffusion 2": Kind(
        lambda: stable_diffusion(
            DDIMScheduler(tiny.TIMESTEPS, prediction_type="v_prediction", beta_schedule="scaled_linear"),
            use_linear_projection=True,
            attention_head_dim=(1, 2),
        ),
        of_a_prompt,
        WORDS,
    ),
    "dit": Kind(dit, of_a_label, NUMBERS),
    "dit without variances": Kind(lambda: dit(3), of_a_label, NUMBERS),
    "pixart": Kind(lambda: pixart(num_layers=2), of_a_masked_prompt, WORDS),
}
