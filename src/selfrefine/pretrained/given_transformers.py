"""Vision transformers that others trained, in a folder of the user: of CLIP and of DINOv2, for further feature spaces.

Nothing is downloaded: the user puts there what transformers saves, and writes the sha256 of the weights into
params.yaml. transformers is imported inside functions, since that takes seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selfrefine.core import arrays, files, model_folders, strict_loading
from selfrefine.core.errors import InputError, one_line

CONFIG, PREPARATION, WEIGHTS = FILES = ("config.json", "preprocessor_config.json", "model.safetensors")


@dataclass(frozen=True)
class Kind:
    """Names of transformers' classes.

    Args:
        model: of the network.
        config: of its settings.
        processor: of what prepares images.
        model_types: what a config.json may call itself; of a whole CLIP the half that sees is taken.
    """

    model: str
    config: str
    processor: str
    model_types: tuple[str, ...]


KINDS = {  # by the row of `weights` in params.yaml
    "clip": Kind(
        "CLIPVisionModelWithProjection", "CLIPVisionConfig", "CLIPImageProcessor", ("clip", "clip_vision_model")
    ),
    "dinov2": Kind("Dinov2Model", "Dinov2Config", "BitImageProcessor", ("dinov2",)),
}


def fetch(name: str, order: Sequence[str], folder: Path, sha256: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights (float32) and settings, `config` and `preparation`, of the network in a folder.

    Args:
        name: key of KINDS.
        order: providers; `folder` is the only one.
        folder: with FILES, as transformers saves them.
        sha256: of its WEIGHTS, in hex.

    Raises:
        InputError: another provider, a folder that lacks a file, may run code or holds another network, or weights of
            another sha256.
    """
    leaf = f"weights.{name}.fetch_weights"
    if tuple(order) != ("folder",):
        given = ", ".join(order)
        raise InputError(f"params.yaml: {leaf}.providers is {given}; allowed: folder alone, as nothing is downloaded")
    remedy = f"put the {', '.join(FILES)} of a {name} there, or edit {leaf}.folder in params.yaml"
    for file in FILES:
        if not (folder / file).is_file():
            raise InputError(f"{folder}: no {file} in it", remedy)
    _check_sha256(folder / WEIGHTS, sha256, f"{leaf}.sha256 in params.yaml")
    try:
        model_folders.check(folder)
        settings = model_folders.read(folder / PREPARATION)
        kind = model_folders.read(folder / CONFIG).get("model_type")
        if kind not in KINDS[name].model_types:
            allowed = " or ".join(KINDS[name].model_types)
            raise InputError(f"{folder / CONFIG}: model_type is {kind}; allowed: {allowed}")
        if unsaid := [
            word for word in model_folders.PREPARES if word not in settings
        ]:  # transformers would take its own
            raise InputError(f"{folder / PREPARATION}: says nothing of {', '.join(unsaid)}")
        network = strict_loading.load(_class(KINDS[name].model), folder)
    except InputError as error:
        raise InputError(error.fact, remedy) from error
    return network.state_dict(), {"config": network.config.to_dict(), "preparation": settings}


def _check_sha256(path: Path, expected: str, leaf: str) -> None:
    """Raises InputError unless a file has the sha256 that a leaf names."""
    found = files.sha256(path)
    if not expected:
        raise InputError(
            f"{path}: sha256 is {found}, and {leaf} is not set", "write it there if its publisher names the same"
        )
    if found != expected:
        raise InputError(
            f"{path}: sha256 is {found}, but {leaf} is {expected}",
            "put the whole file there, or edit the leaf if the publisher's sha256 is the file's",
        )


def restore(name: str, path: Path) -> tuple[Any, Any]:
    """Network, in evaluation mode, and what prepares its images, from what `fetch` gave.

    Args:
        name: key of KINDS.
        path: safetensors with the settings as metadata.

    Raises:
        InputError: weights of another network.
    """
    kind = KINDS[name]
    tensors, settings = arrays.read_tensors(path)
    if settings.get("weights") != name or "config" not in settings:
        raise _misfit(path, f"of {settings.get('weights')}, {name} needed")
    strict_loading.quiet_transformers()
    try:
        config = _class(kind.config).from_dict(settings["config"])
        network, report = _class(kind.model).from_pretrained(
            None, config=config, state_dict=tensors, dtype=torch.float32, output_loading_info=True
        )
        prepares = _class(kind.processor).from_dict(settings["preparation"])
    except strict_loading.UNREADABLE as error:
        raise _misfit(path, one_line(error)) from error
    strict_loading.check_report(path, report, exact=True)
    return network.eval(), prepares


def untrained(name: str, **settings: Any) -> Any:
    """A network of a kind with transformers' own initial weights, for what depends on none."""
    kind = KINDS[name]
    return _class(kind.model)(_class(kind.config)(**settings)).eval()


def _class(name: str) -> Any:
    import transformers

    return getattr(transformers, name)


def _misfit(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: weights of another network ({reason}); make them again with fetch_weights")
