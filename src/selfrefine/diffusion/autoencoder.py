"""The autoencoder of a latent family, between images in [-1, 1] and latents of unit variance.

Latent diffusion (Rombach et al. 2022) trains and samples its network on latents; all that looks at images, the
highlighter above all, sees decoded ones. Method 5.1, LDM.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from diffusers import AutoencoderKL, VQModel
from torch import Tensor

from selfrefine.core import arrays, chunks, files, model_folders, pixels, random_streams, strict_loading
from selfrefine.core.chunks import Made
from selfrefine.core.errors import DamagedError, InputError, one_line
from selfrefine.diffusion import latent_scale

# Latents that a codebook quantises before they are decoded (the paper's LDM), or a normal distribution near N(0, 1).
Kind = Literal["vq", "kl"]
CLASSES: dict[Kind, Any] = {"vq": VQModel, "kl": AutoencoderKL}


class LatentCodec:
    """An autoencoder as the diffusion network sees it: latents are scaled by the `scaling_factor` of its config.

    Args:
        autoencoder: diffusers' `VQModel` or `AutoencoderKL`, in evaluation mode.
    """

    def __init__(self, autoencoder: Any) -> None:
        self.autoencoder = autoencoder
        self.scale = float(autoencoder.config.scaling_factor)
        self.channels: int = autoencoder.config.in_channels

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """(N, C, H, W) float32 in [-1, 1] to latents (N, c, h, w) float32; of a codebook before it quantises.

        # Not in paper: of KL the mean, because latents are made once; upstream draws new ones at every step.
        """
        encoded = self.autoencoder.encode(images)
        latents: Tensor = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
        return latents * self.scale

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, c, h, w) float32 to images (N, C, H, W) float32, clamped to [-1, 1]; a codebook quantises."""
        images: Tensor = self.autoencoder.decode(latents / self.scale).sample
        return images.clamp(-1.0, 1.0)


def of(pipeline: Any) -> LatentCodec | None:
    """The autoencoder of a diffusers pipeline, which calls it `vqvae` or `vae`; None of one that works on pixels."""
    autoencoder = getattr(pipeline, "vqvae", None) or getattr(pipeline, "vae", None)
    return None if autoencoder is None else LatentCodec(autoencoder)


def factor(autoencoder: Any) -> int:
    """f: how many pixels wide and high one latent is."""
    return int(2 ** (len(autoencoder.config.block_out_channels) - 1))


def build(kind: Kind, network: Mapping[str, Any], size: int, seed: int) -> Any:
    """An untrained autoencoder with scaling factor 1; its weights depend on the seed alone.

    Args:
        kind: of its latents.
        network: channels (of images), latent_channels, block_out_channels (one for each level; f is 2 to the power of
            levels - 1), layers_per_block, norm_num_groups, codes (of the codebook; KL has none).
        size: height and width of the images, px, a multiple of f.
        seed: of the run.

    Raises:
        InputError: numbers that fit no network.
    """
    levels = len(network["block_out_channels"])
    if size % 2 ** (levels - 1):
        raise InputError(
            f"params.yaml: train_autoencoder.network has {levels} levels, so latents are {2 ** (levels - 1)} px wide, "
            f"but the images' {size} px are no multiple of it"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.stream_seed(seed, "autoencoder_weights", 0))
        try:
            return CLASSES[kind](
                in_channels=network["channels"],
                out_channels=network["channels"],
                down_block_types=("DownEncoderBlock2D",) * levels,
                up_block_types=("UpDecoderBlock2D",) * levels,
                block_out_channels=tuple(network["block_out_channels"]),
                layers_per_block=network["layers_per_block"],
                norm_num_groups=network["norm_num_groups"],
                latent_channels=network["latent_channels"],
                sample_size=size,
                scaling_factor=1.0,
                **({"num_vq_embeddings": network["codes"]} if kind == "vq" else {}),
            )
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"params.yaml: train_autoencoder.network does not build: {reason}") from error


def save(autoencoder: Any, folder: Path) -> None:
    """Saves a sealed diffusers folder; it appears under its name only when it is whole."""
    with files.atomic_folder(folder) as temporary:
        autoencoder.save_pretrained(temporary, safe_serialization=True)


def load(folder: Path, device: torch.device, unstated: float | None = None) -> Any:
    """Loads the folder of an autoencoder, ours or anybody's, in evaluation mode.

    Args:
        folder: config.json and safetensors.
        device: where it shall compute.
        unstated: the scaling factor of one without a codebook whose config.json states none.

    Raises:
        InputError: a folder that is missing, unsafe or incomplete, or holds something else; latents that are shifted;
            no scaling factor, or one that is no number above 0.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder}: not a diffusers autoencoder: no config.json in it")
    given, known = model_folders.read(path), {kind.__name__: kind for kind in CLASSES.values()}
    kind = str(given.get("_class_name"))
    if kind not in known:
        raise InputError(f"{folder}: {one_line(kind)} given; {' or '.join(known)} needed")
    for name in ("shift_factor", "latents_mean", "latents_std"):
        if given.get(name) is not None:
            raise InputError(f"{path}: {name} is {one_line(given[name])}; an autoencoder of unshifted latents needed")
    scale = latent_scale.stated(path, given, unstated)
    autoencoder = strict_loading.load(known[kind], folder, told=("scaling_factor",))
    autoencoder.register_to_config(scaling_factor=scale, _name_or_path="")  # where it lay concerns nobody
    return autoencoder.to(device)


def encode_images(
    stage: LatentCodec, images: np.ndarray, scratch: Path, device: torch.device, *, label: str, chunk_size: int
) -> Made:
    """Latents of all images, (N, c, h, w) float16, whose steps are far below those of any codebook.

    In chunks, whose bytes depend on no order of work and which a killed job need not make again.

    Args:
        stage: on `device`.
        images: packed, (N, H, W, 3) uint8, memory-mapped.
        scratch: the job's scratch folder.
        device: to compute on.
        label: for the progress lines.
        chunk_size: images encoded together.

    Raises:
        InputError: latents beyond the range of float16.
    """

    def chunk(numbers: np.ndarray) -> np.ndarray:
        """Latents of the images of these numbers; the last chunk begins again with the first image."""
        given = pixels.to_float(images[numbers % len(images)], stage.channels).to(device)
        latents: np.ndarray = stage.encode(given).to("cpu", torch.float16).numpy()
        if not np.isfinite(latents).all():
            raise InputError(
                f"{label}: latents are not finite or beyond float16; set train_autoencoder.unit_variance in "
                "params.yaml to true, or lower its learning_rate"
            )
        return latents

    return Made(chunks.in_chunks(chunk, len(images), scratch, label=label, chunk_size=chunk_size), len(images))


def training_set(stage: LatentCodec | None, images: np.ndarray, latents: tuple[Path, ...]) -> np.ndarray:
    """What a network is trained on: the latents of a latent family, else the images.

    Args:
        stage: of its pipeline.
        images: packed, (N, H, W, 3) uint8.
        latents: the file that encode_data made of them; none for a family that works on pixels.

    Raises:
        InputError: latents without an autoencoder or the other way round, or of other images.
    """
    if (stage is None) == bool(latents):
        given, needed = ("latents", "none") if latents else ("none", "latents")
        raise InputError(f"training images: {given} given, {needed} needed by the family of train_base in params.yaml")
    if not latents:
        return images
    found = arrays.read_array(latents[0])
    if found.ndim != 4 or found.dtype != np.float16 or len(found) != len(images):
        wanted = f"float16 ({len(images)}, c, h, w) needed: latents of the training images"
        raise DamagedError(latents[0], f"{found.dtype} {found.shape} given, {wanted}")
    return found
