"""Diffusion networks by family: built from their params, saved and loaded as plain diffusers pipelines.

A family is one module here with a function `build(network, diffusion, size)`. That of latent diffusion takes the
autoencoder, too, and that of text-to-image the text encoder; both become parts of the pipeline. Everything after the
base phase reads the network and the schedule from the saved pipeline alone.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging

from selfrefine.core import arrays, execution, files, model_folders, random_streams, strict_loading
from selfrefine.core.errors import InputError, one_line
from selfrefine.diffusion import autoencoder as diffusion_autoencoder

UNUSED = ("safety_checker", "feature_extractor", "image_encoder")  # parts of Stable Diffusion that nothing here asks
STABLE_DIFFUSION_SCALE = 0.18215  # of latents, in the code of diffusers before autoencoders had a key for it
Pipeline = Any  # a DiffusionPipeline with `unet` and `scheduler`: diffusers gives their types no names

logging.disable_progress_bar()  # a bar per loaded file has no place in a log


def build(
    family: str,
    network: dict[str, Any],
    diffusion: dict[str, Any],
    size: int,
    seed: int,
    autoencoder: Any | None = None,
    text_encoder: Any | None = None,
) -> Pipeline:
    """An untrained pipeline with `unet` and `scheduler`; its weights depend on the seed alone.

    Args:
        family: a module of this package, e.g. "ddpm".
        network: train_base.network of the model and data set rows.
        diffusion: the model row's train_base.diffusion.
        size: height and width of the images, px.
        seed: of the run.
        autoencoder: of `diffusion.autoencoder.load`; a family of latent diffusion, and no other, takes one.
        text_encoder: of `text_encoder.load`; a family of text-to-image, and no other, takes one.

    Raises:
        InputError: an unknown family, or params that its network does not take.
    """
    if family not in _families():
        raise InputError(f"params.yaml: train_base.family is {family}; known families: {', '.join(_families())}")
    module = importlib.import_module(f"{__name__}.{family}")
    parts = {"autoencoder": autoencoder, "text_encoder": text_encoder}
    with torch.random.fork_rng():
        torch.manual_seed(random_streams.stream_seed(seed, "weights", 0))
        try:
            pipeline: Pipeline = module.build(
                network, diffusion, size, **{name: part for name, part in parts.items() if part is not None}
            )
        except (TypeError, ValueError, KeyError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"params.yaml: train_base.network of family {family} does not build: {reason}") from error
    return pipeline


def begin_with(network: Any, weights: Path) -> None:
    """Gives a network the weights of a file with its own names, in float32; the training begins with them.

    Raises:
        InputError: weights of another network.
    """
    given, own = arrays.read_tensors(weights)[0], network.state_dict()
    for name in sorted(given.keys() | own.keys()):
        shapes = [tuple(tensors[name].shape) if name in tensors else "missing" for tensors in (given, own)]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{weights}: {name} is {shapes[0]}, in the network of train_base.network it is {shapes[1]}; edit "
                "train_base.pretrained or the network in params.yaml"
            )
    network.load_state_dict({name: tensor.float() for name, tensor in given.items()})


def save(pipeline: Pipeline, folder: Path) -> None:
    """Saves a complete, sealed diffusers folder; it appears under its name only when it is whole."""
    execution.in_own_order(getattr(pipeline, "unet", None) or pipeline.transformer)
    with files.atomic_folder(folder) as temporary:
        pipeline.save_pretrained(temporary, safe_serialization=True)


def load(folder: Path, device: torch.device) -> Pipeline:
    """Loads the sealed diffusers folder of a run, with the networks on `device`.

    Raises:
        InputError: a folder that is missing, changed since it was made, or no pipeline.
    """
    return load_any(files.check_folder(folder), device)


def load_any(folder: Path, device: torch.device) -> Pipeline:
    """Loads a diffusers folder, also one that somebody else made, in float32; nothing but its safetensors is trusted.

    Raises:
        InputError: a missing folder, no pipeline, one that may run code (`model_folders`) or lacks weights; a seal that
            does not fit.
    """
    named = model_folders.parts(folder)
    model_folders.check(folder)
    if (folder / files.SUMS).is_file():
        files.check_folder(folder)
    for family in _families():  # a folder names the module of a network of ours; diffusers wants it imported before
        importlib.import_module(f"{__name__}.{family}")
    try:
        loaded = {name: _part(folder, name, *kind) for name, kind in named.items() if name not in UNUSED}
        given = {name: part for name, part in loaded.items() if part is not None} | {
            name: None for name in UNUSED if name in named
        }
        pipeline = DiffusionPipeline.from_pretrained(
            folder, local_files_only=True, low_cpu_mem_usage=False, dtype=torch.float32, **given
        )
    except strict_loading.UNREADABLE as error:
        raise InputError(f"{folder}: not a diffusers pipeline that can be read: {one_line(error)}") from error
    if "scheduler" in named:
        strict_loading.tell_defaults(folder / "scheduler" / "scheduler_config.json", pipeline.scheduler.config)
    return pipeline.to(device)


def _part(folder: Path, name: str, library: str, kind: str) -> Any | None:
    """A network of a pipeline; None of a part that has no weights, which diffusers then reads."""
    found = getattr(importlib.import_module(library), kind, None)
    if not (isinstance(found, type) and issubclass(found, torch.nn.Module)):
        return None
    if found in diffusion_autoencoder.CLASSES.values():
        return diffusion_autoencoder.load(folder / name, torch.device("cpu"), unstated=STABLE_DIFFUSION_SCALE)
    return strict_loading.load(found, folder / name)


def _families() -> list[str]:
    """The modules of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))
