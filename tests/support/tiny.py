"""What many tests share: real classes at their smallest, so that a whole training run takes a second.

Eight pixels, a U-Net of two levels with attention at the lower one, twenty timesteps.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.job import Job
from selfrefine.diffusion import noise_schedule
from selfrefine.stages import generate_fakes, generate_samples, train_base, train_refined
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer
from tests.support import tiny_highlighter

SIZE, TIMESTEPS, STEPS = 8, 20, 12
NETWORK: dict[str, Any] = {
    "channels": 3,
    "block_out_channels": [8, 8],
    "attention": [False, True],
    "layers_per_block": 1,
    "norm_num_groups": 4,
    "attention_head_dim": 4,
    "dropout": 0.0,
}
DIFFUSION: dict[str, Any] = {"schedule": "linear", "timesteps": TIMESTEPS}
NAMES = {"dataset": "shapes", "model": "tiny", "seed": "0"}


def tiny_images(n: int = 32, size: int = SIZE) -> np.ndarray:
    """(n, size, size, 3) uint8: a bright rectangle of random place and colour on black, always the same ones."""
    draws = np.random.default_rng(0)
    images = np.zeros((n, size, size, 3), np.uint8)
    for image in images:
        top, left = draws.integers(0, size // 2, 2)
        image[top : top + size // 2, left : left + size // 2] = draws.integers(60, 256, 3)
    return images


def tiny_pipeline(seed: int = 0, size: int = SIZE, **network: Any) -> networks.Pipeline:
    """An untrained DDPM pipeline; `network` replaces leaves of NETWORK."""
    return networks.build("ddpm", NETWORK | network, DIFFUSION, size, seed)


def tiny_settings(**changes: Any) -> Settings:
    """Settings in which warm-up, decay of the rate, weight decay and mirroring all happen within STEPS."""
    values: dict[str, Any] = {
        "batch_size": 4,
        "gradient_accumulation": 1,
        "gradient_checkpointing": False,
        "learning_rate": 0.01,
        "weight_decay": 0.01,
        "warmup_steps": 4,
        "decay_at": 0.7,
        "decay_factor": 0.3,
        "betas": (0.9, 0.999),
        "max_gradient_norm": 1.0,
        "ema_decay": 0.9,
        "horizontal_flip": True,
        "caption_dropout": 0.0,
        "base_steps": STEPS,
    }
    return Settings(**values | changes)


def tiny_trainer(
    images: np.ndarray | None = None,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    network: dict[str, Any] | None = None,
    **settings: Any,
) -> Trainer:
    """A trainer at step 0; `network` replaces leaves of NETWORK, `settings` those of `tiny_settings`."""
    data = tiny_images() if images is None else images
    pipeline = tiny_pipeline(seed, data.shape[1], **network or {})
    levels = noise_schedule.of(pipeline)
    return Trainer(pipeline.unet, levels, data, tiny_settings(**settings), seed=seed, dtype=dtype)


def bytes_below(folder: Path) -> dict[str, bytes]:
    """All files below a folder by name: equal results are equal here, and nothing else may lie beside them."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- jobs of the stages ------------------------------------------------------------------------------------------------


def write_images(path: Path, n: int = 32) -> Path:
    """A file of tiny images."""
    arrays.write_array(path, tiny_images(n))
    return path


def write_highlighter(path: Path) -> Path:
    """A highlighter with random weights whose maps are not empty, for images enlarged to 32 px."""
    with torch.random.fork_rng():
        tiny_highlighter.highlighter(32).save(path)
    return path


def base_config(**changes: Any) -> train_base.Config:
    """A base phase of STEPS steps with dropout; three checkpoints."""
    values = dict(vars(tiny_settings()))
    del values["base_steps"]
    values |= {
        "names": NAMES,
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "family": "ddpm",
        "pretrained": "",
        "network": NETWORK | {"dropout": 0.1},
        "diffusion": DIFFUSION,
        "steps": STEPS,
        "checkpoint_every": 3,
        "log_every": 2,
    }
    return train_base.Config(**values | changes)


def refined_config(**changes: Any) -> train_refined.Config:
    """A refinement phase of STEPS steps with both processes, strong enough to be seen; a map every 4 steps."""
    values: dict[str, Any] = {
        "names": NAMES | {"variant": "both"},
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "map_steps": 3,
        "steps": STEPS,
        "forward": "xt",
        "forward_weight": 0.5,
        "reverse": "kv",
        "reverse_weight": 0.5,
        "cycle": 4,
        "map_images": 4,
        "map": "mfam",
        "match": False,
        "gamma": 0.0,
        "min_snr_gamma": 0.0,
        "trained_on": "photographs",
        "projection": "identity",
        "layers": "all",
        "cam_target": "logit_difference",
        "cam_tap": "after_relu",
        "cam_preparation": "matched",
        "extra_steps": 0.0,
        "checkpoint_every": 3,
        "log_every": 2,
    }
    return train_refined.Config(**values | changes)


def samples_config(**changes: Any) -> generate_samples.Config:
    """Ten images in chunks of four: the last chunk is padded."""
    values: dict[str, Any] = {
        "names": NAMES | {"variant": "both"},
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "n_images": 10,
        "sampler": "ddim",
        "steps": 4,
        "chunk_size": 4,
        "guidance_scale": 1.0,
        "correction": "none",
        "eps_scale": 1.0,
        "guide_scale": 1.0,
        "discriminator_scale": 0.0,
    }
    return generate_samples.Config(**values | changes)


def fakes_config(**changes: Any) -> generate_fakes.Config:
    """Ten images in chunks of four: the last chunk is padded."""
    values: dict[str, Any] = {
        "names": NAMES,
        "device": "cpu",
        "precision": "float32",
        "channels_last": "auto",
        "compile": "auto",
        "map_steps": 4,
        "n_images": 10,
        "chunk_size": 4,
    }
    return generate_fakes.Config(**values | changes)


def base_job(images: Path, out: Path, **changes: Any) -> Job[Any, Any, Any]:
    """The job that trains on `images` and writes below `out`."""
    outputs = train_base.Outputs(out / "pipeline", out / "state.safetensors", out / "loss.csv")
    return Job("train_base", base_config(**changes), train_base.Inputs(images, (), (), (), (), ()), outputs)


def refined_job(images: Path, base: Path, highlighter: Path, out: Path, **changes: Any) -> Job[Any, Any, Any]:
    """The job that refines what `base_job` wrote below `base`."""
    inputs = train_refined.Inputs(
        images, (), (), base / "pipeline", base / "state.safetensors", highlighter, highlighter, ()
    )
    outputs = train_refined.Outputs(
        *(out / name for name in ("pipeline", "loss.csv", "maps.npy", "mfams.npy", "mean_map.npy", "refreshes.csv"))
    )
    return Job("train_refined", refined_config(**changes), inputs, outputs)


def samples_job(
    pipeline: Path,
    out: Path,
    some_map: tuple[Path, ...] = (),
    scales: tuple[Path, ...] = (),
    guide: tuple[Path, ...] = (),
    discriminator: tuple[Path, ...] = (),
    **changes: Any,
) -> Job[Any, Any, Any]:
    """The job that samples from a pipeline folder; `some_map` is maps and config of a refinement, `scales` a choice,
    `guide` the pipeline folder of a guide, `discriminator` the file of one.
    """
    inputs = generate_samples.Inputs(pipeline, some_map, scales, guide, discriminator, ())
    return Job("generate_samples", samples_config(**changes), inputs, generate_samples.Outputs(out / "images.npy"))


def fakes_job(pipeline: Path, out: Path, **changes: Any) -> Job[Any, Any, Any]:
    """The job that makes the highlighter's fakes with a pipeline folder."""
    outputs = generate_fakes.Outputs(out / "images.npy")
    return Job("generate_fakes", fakes_config(**changes), generate_fakes.Inputs(pipeline, ()), outputs)
