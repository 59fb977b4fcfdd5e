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
        dtype: what networks compute in, unless they measure.
    """
    return max((_memory(load, dtype) for load in loads), default=0)


def _memory(load: Load, dtype: torch.dtype) -> int:
    counted = count(load.network)
    copies = STATE + 1 if load.kind == "train" else 1
    images = counted.trained_bytes if load.kind == "train" else counted.evaluated_bytes
    width = FLOAT if load.kind == "measure" else dtype.itemsize
    return counted.parameters * FLOAT * copies + load.batch * images * width // FLOAT


def _packed(run: Run, n_images: int) -> int:
    """Images of three bytes a pixel."""
    return 3 * n_images * int(run.of("prepare_data")["size"]) ** 2


def _weights(run: Run) -> int:
    return FLOAT * count(run.network()).parameters


def _prepare_data(run: Run) -> int:
    """At most: how many images there are is only known when they are."""
    return 2 * _packed(run, run.of("prepare_data")["max_images"])


def _train_autoencoder(run: Run) -> int:
    autoencoder = run.autoencoder()
    return FLOAT * count(autoencoder).parameters if autoencoder else 0


def _encode_data(run: Run) -> int:
    """At most, as _prepare_data: latents in float16."""
    values, size = run.of("train_autoencoder")["network"], run.of("prepare_data")["size"]
    side = size // 2 ** (len(values["block_out_channels"]) - 1)
    return 2 * int(run.of("prepare_data")["max_images"] * values["latent_channels"] * side**2)


def _train_base(run: Run) -> int:
    return (1 + STATE) * _weights(run) + _train_autoencoder(run)  # which goes along with every pipeline


def _train_highlighter(run: Run) -> int:
    return FLOAT * count(run.highlighter(run.names["highlighter"])).parameters


def _train_refined(run: Run) -> int:
    values, first = run.of("train_refined"), run.of("train_base")["steps"]
    steps = values["steps"] + round(values["extra_steps"] * values["steps"])
    guided = (values["forward"], values["reverse"]) != ("none", "none")
    maps = 2 * refreshes(first, steps, values["cycle"]) if guided else 0
    return _weights(run) + _train_autoencoder(run) + maps * FLOAT * int(run.of("prepare_data")["size"]) ** 2


def _extract_features(run: Run) -> int:
    width = sum(NETWORKS[name].WIDTH for name in run.of("extract_features")["networks"])
    return measured_images(run) * width * FLOAT


STAGES: dict[str, Callable[[Run], int]] = {
    "prepare_data": _prepare_data,
    "train_autoencoder": _train_autoencoder,
    "encode_data": _encode_data,
    "train_base": _train_base,
    "generate_fakes": lambda run: _packed(run, run.of("generate_fakes")["n_images"]),
    "train_highlighter": _train_highlighter,
    "train_refined": _train_refined,
    "generate_samples": lambda run: _packed(run, run.of("generate_samples")["n_images"]),
    "extract_features": _extract_features,
    "inpaint_images": lambda run: 3 * _packed(run, run.of("inpaint_images")["n_images"]),  # masks count as images
}
