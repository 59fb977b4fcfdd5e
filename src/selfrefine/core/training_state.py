"""What a training needs to go on after a kill, in one file: weights, AdamW's moments, and what a trainer adds.

Tensors are named by their group: `weights/...`, then `step/...`, `exp_avg/...` and `exp_avg_sq/...` of the optimiser.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfrefine.core import arrays
from selfrefine.core.errors import InputError

CHECKPOINT = "checkpoint.safetensors"
MOMENTS = ("exp_avg", "exp_avg_sq")  # of AdamW

Named = Iterable[tuple[str, nn.Parameter]]


def grouped(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors under names that begin with their group."""
    return {f"{group}/{name}": value.detach() for name, value in tensors.items()}


def of_group(group: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of one group, under their own names."""
    return {name.removeprefix(f"{group}/"): value for name, value in tensors.items() if name.startswith(f"{group}/")}


def moments(parameters: Named, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """All that AdamW knows of its parameters, each group by the parameters' names."""
    return {
        f"{key}/{name}": value for name, parameter in parameters for key, value in optimiser.state[parameter].items()
    }


def restore_moments(parameters: Named, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Gives AdamW back what `moments` took from it, in each parameter's own memory layout."""
    for name, parameter in parameters:
        state = {key: torch.empty_like(parameter).copy_(tensors[f"{key}/{name}"]) for key in MOMENTS}
        # torch keeps the count of updates in float32; a fused optimiser wants it beside the weights
        optimiser.state[parameter] = state | {"step": tensors[f"step/{name}"].to(parameter.device)}


def check_finite(tensors: Mapping[str, Tensor], step: int, remedy: str) -> None:
    """Refuses to keep what an update has spoilt: a loss is that before the update, so the last one shows nothing.

    Args:
        tensors: weights, their average, moments, by name.
        step: number of updates so far.
        remedy: what to change.

    Raises:
        InputError: a number among them is not finite.
    """
    spoilt = next((name for name, value in tensors.items() if not bool(torch.isfinite(value).all())), None)
    if spoilt is not None:
        raise InputError(f"{spoilt} is not finite after step {step}, whose state is not kept", remedy)


def write(scratch: Path, tensors: Mapping[str, Tensor], step: int, remedy: str, **more: Any) -> None:
    """Keeps a training after update number `step` in the job's scratch folder; `more` is anything that JSON holds.

    Raises:
        InputError: as `check_finite`.
    """
    check_finite(tensors, step, remedy)
    arrays.write_tensors(scratch / CHECKPOINT, tensors, {"step": step, **more})


def read(scratch: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `write` kept last: tensors on the CPU, and `step` with `more`; None for a training that begins."""
    if not (scratch / CHECKPOINT).is_file():
        return None
    tensors, metadata = arrays.read_tensors(scratch / CHECKPOINT)
    print(f"going on after step {metadata['step']}", flush=True)
    return tensors, metadata


def kept_step(scratch: Path) -> int | None:
    """The update after which a training would go on; None if it would begin anew."""
    path = scratch / CHECKPOINT
    return int(arrays.read_tensors(path)[1]["step"]) if path.is_file() else None
