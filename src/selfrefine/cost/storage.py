"""Bytes of each job: what it leaves on the disk, and what its networks hold in memory while it runs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from selfrefine.cost.flops import count
from selfrefine.cost.loads import Load, Run
from selfrefine.cost.planned_jobs import Planned
from selfrefine.cost.work import measured_images, refreshes
from selfrefine.metrics.features import NETWORKS

FLOAT = 4  # bytes of a weight
STATE = 4  # copies of the weights in a training state: weights, EMA, two moments of AdamW; gradients are no part of it


def disk(params: Mapping[str, Any], job: Planned) -> int:
    """What a job leaves. Tables, figures and logs are a few MiB of all and not counted; while a job trains, its
    checkpoint takes as much as its training state again.
    """
    stage = STAGES.get(job.stage)
    return stage(Run(params, dict(job.names))) if stage else 0


def memory(loads: Iterable[Load], dtype: torch.dtype) -> int:
    """What the largest load of a job takes: weights, training state, and the tensors of a batch.

    Args:
        loads: of the job.
        dtype: what networks compute in, unless they measure; beside float32 autocast keeps a copy of the weights in it.
    """
    return max((_memory(load, dtype) for load in loads), default=0)


def _memory(load: Load, dtype: torch.dtype) -> int:
    counted = count(load.network, load.kind, load.batch)
    width = FLOAT if load.kind == "measure" else dtype.itemsize
    weights = FLOAT * (STATE if load.kind == "train" else 1) + (width if width < FLOAT else 0)
    return counted.parameters * weights + counted.live_bytes * width // FLOAT


def _weights(run: Run) -> int:
    return FLOAT * count(run.network(), "evaluate").parameters


def _autoencoder(run: Run) -> int:
    return FLOAT * count(run.autoencoder(), "evaluate").parameters if run.is_latent else 0


def _images(run: Run, n_images: int) -> int:
    """Of three bytes a pixel."""
    return 3 * n_images * run.size**2


def _encode_data(run: Run) -> int:
    channels, side, _ = run.latent_shape
    return 2 * int(run.of("prepare_data")["max_images"]) * channels * side**2  # float16


def _train_refined(run: Run) -> int:
    return _weights(run) + _autoencoder(run) + 2 * refreshes(run) * FLOAT * run.size**2


def _extract_features(run: Run) -> int:
    width = sum(NETWORKS[name].WIDTH for name in run.of("extract_features")["networks"])
    return measured_images(run) * width * FLOAT


STAGES: dict[str, Callable[[Run], int]] = {
    # Of photographs and latents at most: how many there are is only known when they are.
    "prepare_data": lambda run: 2 * _images(run, run.of("prepare_data")["max_images"]),
    "train_autoencoder": _autoencoder,
    "encode_data": _encode_data,
    "train_base": lambda run: (1 + STATE) * _weights(run) + _autoencoder(run),  # which goes along with every pipeline
    "generate_fakes": lambda run: _images(run, run.of("generate_fakes")["n_images"]),
    "train_highlighter": lambda run: FLOAT * count(run.highlighter(run.names["highlighter"]), "evaluate").parameters,
    "train_refined": _train_refined,
    "generate_samples": lambda run: _images(run, run.of("generate_samples")["n_images"]),
    "extract_features": _extract_features,
    "inpaint_images": lambda run: 3 * _images(run, run.of("inpaint_images")["n_images"]),  # masks count as images
}
