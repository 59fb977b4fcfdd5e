"""What a training needs to go on after a kill, in one file: weights, AdamW's moments, and what a trainer adds.

The last two files are kept: a damaged one costs the updates since the other.

Tensors are named by their group: `weights/...`, then `step/...`, `exp_avg/...` and `exp_avg_sq/...` of the optimiser.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfrefine.core import arrays, kept
from selfrefine.core.errors import InputError

CHECKPOINTS = "checkpoint*.safetensors"  # * is the number of updates
GENERATIONS = 2
LOSSES = "losses"
# What a remedy that changes the config ends with: the new config's job sees no checkpoint of the old one (`scratch`).
ANEW = "run the same command: training begins anew, and so does all else that the change concerns"
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


def unlogged(losses: Sequence[Tensor]) -> dict[str, Tensor]:
    """Losses since the last row of a log, of a training that stops between two rows."""
    return {LOSSES: torch.stack(list(losses))} if losses else {}


def restored_losses(tensors: Mapping[str, Tensor], device: torch.device) -> list[Tensor]:
    """What was given to `unlogged`."""
    return list(tensors[LOSSES].to(device)) if LOSSES in tensors else []


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


def write(scratch: Path, tensors: Mapping[str, Tensor], step: int, remedy: str, **more: Any) -> int:
    """Keeps a training after update number `step` in the job's scratch folder; `more` is anything that JSON holds.

    Returns:
        `step`.

    Raises:
        InputError: as `check_finite`.
    """
    check_finite(tensors, step, remedy)
    fill = partial(arrays.fill_tensors, tensors=tensors, metadata={"step": step, **more})
    kept.write(scratch, CHECKPOINTS.replace("*", f"{step:09d}"), fill)
    for old in kept.matching(scratch, CHECKPOINTS)[:-GENERATIONS]:
        old.unlink()
    return step


def read(scratch: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `write` kept last and is whole: tensors on the CPU, and `step` with `more`; None for a training that begins.

    Damaged files are deleted; the line that says where the training goes on names them.
    """
    damaged: list[Path] = []
    for path in reversed(kept.matching(scratch, CHECKPOINTS)):
        if kept.is_whole(path):
            tensors, metadata = arrays.read_tensors(path)
            print(f"{_told(damaged)}going on after step {metadata['step']}", flush=True)
            return tensors, metadata
        path.unlink()
        damaged.append(path)
    if damaged:
        print(f"{_told(damaged)}training begins anew", flush=True)
    return None


def _told(damaged: Sequence[Path]) -> str:
    """The first words of a line about damaged checkpoints; none without any."""
    if not damaged:
        return ""
    steps = [int(path.name.partition(".")[0].removeprefix("checkpoint")) for path in damaged]
    names = " and ".join(f"that of step {step}" for step in steps)
    return f"{damaged[0].parent}: a checkpoint was damaged since it was written, {names}; "
