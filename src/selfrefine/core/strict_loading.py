"""Networks that diffusers or transformers saved, read whole or not at all.

Both libraries fill what is missing in a folder by themselves: weights with random numbers, settings with defaults.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from selfrefine.core import model_folders
from selfrefine.core.errors import InputError, one_line

HALF = "fp16"  # of `save_pretrained(..., variant="fp16")`: diffusion_pytorch_model.fp16.safetensors
# What the libraries raise at folders that hold something else.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError)


def load(kind: Any, folder: Path, told: tuple[str, ...] = ()) -> Any:
    """A network on the CPU, float32, in evaluation mode; what its config.json leaves to the library is told.

    Args:
        kind: the class, of diffusers or transformers.
        folder: with config.json and safetensors.
        told: settings that the caller takes care of.

    Raises:
        InputError: a folder that may run code (`model_folders`), holds something else, or lacks weights.
    """
    model_folders.check(folder)
    diffusers_kind = hasattr(kind, "register_to_config")
    if not diffusers_kind:
        quiet_transformers()
    options: dict[str, Any] = {"low_cpu_mem_usage" if diffusers_kind else "trust_remote_code": False}
    if (variant := half_precision(folder)) is not None:
        options["variant"] = variant
    try:
        network, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    except UNREADABLE as error:
        raise InputError(f"{folder}: no {kind.__name__} that can be read: {one_line(error)}") from error
    check_report(folder, report, exact=diffusers_kind)
    if diffusers_kind:
        tell_defaults(folder / "config.json", network.config, told)
    return network.eval()


def half_precision(folder: Path) -> str | None:
    """The word in the names of weights of half precision, where a folder has no others."""
    names = [path.name for path in folder.glob("*.safetensors")]
    return HALF if names and all(f".{HALF}." in f".{name}" or f".{HALF}-" in name for name in names) else None


def quiet_transformers() -> None:
    """No bar for each loaded file, and none of the warnings that become errors of one line here."""
    from transformers.utils import logging  # slow

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def check_report(folder: Path, report: Any, *, exact: bool) -> None:
    """Raises InputError unless a folder held all tensors of its network and, if exact, no others.

    Args:
        folder: where they were read.
        report: what either library says of the loading.
        exact: of diffusers; transformers reads a half of CLIP from the whole of it.
    """
    absent = sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"]))
    if absent:
        raise InputError(f"{folder}: its weights lack {len(absent)} tensors, {absent[0]} among them")
    if exact and (foreign := sorted(report["unexpected_keys"])):
        raise InputError(
            f"{folder}: its weights hold {len(foreign)} tensors that its config.json has no place for, "
            f"{foreign[0]} among them"
        )


def tell_defaults(path: Path, config: Any, told: tuple[str, ...] = ()) -> None:
    """Prints the settings that a file leaves to diffusers, with the values that were taken; nothing of what is off.

    Args:
        path: config.json or scheduler_config.json.
        config: of the part that was made of it.
        told: settings that somebody else tells of.
    """
    given = model_folders.read(path).keys() | set(told)
    filled = {
        name: value
        for name, value in config.items()
        if name not in given and not name.startswith("_") and value is not None and value is not False
    }
    if filled:
        values = ", ".join(f"{name} {value}" for name, value in sorted(filled.items()))
        print(f"{path}: says nothing of what diffusers then takes: {values}", flush=True)
