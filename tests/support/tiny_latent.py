"""What the tests of latent diffusion share: an autoencoder of two levels, 8 px images, 4 x 4 latents of 3 channels."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.job import Job
from selfrefine.diffusion import autoencoder as diffusion_autoencoder
from selfrefine.stages import encode_data, train_autoencoder
from tests.support import tiny
from tests.support.tiny import NAMES, NETWORK, SIZE, tiny_images

LATENT_SIZE, LATENT_CHANNELS = SIZE // 2, 3
AUTOENCODER: dict[str, Any] = {
    "channels": 3,
    "latent_channels": LATENT_CHANNELS,
    "block_out_channels": [8, 8],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "codes": 16,
}
DIFFUSION: dict[str, Any] = {"schedule": "scaled_linear", "timesteps": tiny.TIMESTEPS}
TEST_IMAGES = 4  # large enough for the window of SSIM


def autoencoder(
    kind: diffusion_autoencoder.Kind = "vq", *, scale: float = 1.0, size: int = SIZE, **network: Any
) -> Any:
    """An untrained autoencoder; `network` replaces leaves of AUTOENCODER. Its codes lie apart, as after training."""
    made = diffusion_autoencoder.build(kind, AUTOENCODER | network, size, 0).eval()
    made.register_to_config(scaling_factor=scale)
    if kind == "vq":
        draws = torch.Generator().manual_seed(0)
        made.quantize.embedding.weight.data.normal_(generator=draws)
    return made


def pipeline(kind: diffusion_autoencoder.Kind = "vq", *, scale: float = 1.0, **network: Any) -> networks.Pipeline:
    """An untrained LDM pipeline; `network` replaces leaves of the U-Net."""
    return networks.build("ldm", NETWORK | network, DIFFUSION, SIZE, 0, autoencoder(kind, scale=scale))


def latents(n: int = 32) -> np.ndarray:
    """Latents of the first tiny images, (n, 3, 4, 4) float16, as encode_data makes them."""
    stage = diffusion_autoencoder.LatentCodec(autoencoder())
    images = torch.from_numpy(tiny_images(n)).permute(0, 3, 1, 2) / 127.5 - 1.0
    return stage.encode(images).numpy().astype(np.float16)


# -- jobs of the stages ------------------------------------------------------------------------------------------------


def autoencoder_config(**changes: Any) -> train_autoencoder.Config:
    """Twelve steps, three checkpoints."""
    values: dict[str, Any] = {
        "names": NAMES,
        "device": "cpu",
        "precision": "float32",
        "folder": "",
        "kind": "vq",
        "network": AUTOENCODER,
        "unit_variance": True,
        "n_images": TEST_IMAGES,
        "steps": 12,
        "batch_size": 4,
        "learning_rate": 0.01,
        "warmup_steps": 4,
        "max_gradient_norm": 1.0,
        "latent_weight": 1.0,
        "checkpoint_every": 3,
        "log_every": 2,
    }
    return train_autoencoder.Config(**values | changes)


def autoencoder_job(images: Path, out: Path, given: tuple[Path, ...] = (), **changes: Any) -> Job[Any, Any, Any]:
    """The job that trains on `images` and is tested on them, too; they are at least 11 px wide."""
    outputs = train_autoencoder.Outputs(out / "autoencoder", out / "loss.csv", out / "metrics.csv")
    inputs = train_autoencoder.Inputs(images, images, given)
    return Job("train_autoencoder", autoencoder_config(**changes), inputs, outputs)


def encode_job(images: Path, folder: Path, out: Path, chunk_size: int = 5) -> Job[Any, Any, Any]:
    """The job that encodes `images` with the autoencoder in `folder`; the last chunk is padded."""
    config = encode_data.Config(NAMES, "cpu", chunk_size)
    return Job("encode_data", config, encode_data.Inputs(images, folder), encode_data.Outputs(out / "latents.npy"))


def write_large_images(path: Path) -> Path:
    """A file of tiny images of 16 px."""
    arrays.write_array(path, tiny_images(size=2 * SIZE))
    return path
