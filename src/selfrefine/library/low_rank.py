"""Low-rank weights beside the projections of a network's attention, trained in their place (LoRA, Hu et al. 2021).

The network's own weights are frozen and lie in memory once, for the pipeline given and for what is trained of it.
peft adds the low-rank ones; the map scales keys and values after them, as it scales those of a plain projection.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.lora_pipeline import StableDiffusionLoraLoaderMixin
from torch import Tensor, nn

from selfrefine.core import files, random_streams
from selfrefine.core.errors import InputError
from selfrefine.diffusion.pipelines import require
from selfrefine.library import checks
from selfrefine.library.subject import Subject

PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")  # as diffusers' own trainer of LoRA weights
ADAPTER = "default"

LowRank = dict[str, Tensor]  # weights by the names that stock diffusers knows; of full training nothing


def check(subject: Subject, lora: Any, lora_folder: Any = None) -> None:
    """Raises InputError unless the network can be trained so, and its low-rank weights be kept where that is asked.

    Args:
        subject: the pipeline given.
        lora: the rank; 0 for training of all weights.
        lora_folder: for the low-rank weights; None for none.
    """
    checks.check_whole(0, lora=lora)
    if lora:
        _check_rank(subject.part, lora)
    else:
        checks.check_trainable(subject)
    if lora_folder is not None:
        checks.check_path(lora_folder=lora_folder)
        require(lora > 0, "lora_folder: given, but lora is 0, which trains all weights; leave it out, or give a rank")
        require(loads(subject), "lora_folder: stock diffusers loads none into this pipeline; leave it out")
        folder = Path(lora_folder)
        require(not folder.exists(), f"lora_folder is {folder}, which is there already; the name of a new one needed")


def _peft() -> Any:
    """The module, which is no requirement: where it is installed, diffusers loads it at every start of every job."""
    try:
        return importlib.import_module("peft")
    except ImportError as error:
        raise InputError("lora: needs peft, which is not installed; pip install peft -c constraints.txt") from error


def _check_rank(network: nn.Module, lora: int) -> None:
    _peft()
    laid = hasattr(network, "peft_config")
    require(not laid, "pipeline: holds LoRA weights; call pipeline.fuse_lora() and pipeline.unload_lora_weights()")
    widths = [min(layer.weight.shape) for layer in _projections(network)]
    kind = type(network).__name__
    require(bool(widths), f"lora is {lora}; 0 needed: {kind} has no attention with linear to_q, to_k and to_v")
    most = min(widths, default=0)
    require(lora <= most, f"lora is {lora}; 0 to {most}, the width of its narrowest projection, needed")


def _projections(network: nn.Module) -> list[nn.Linear]:
    """Those of its attention, to which low-rank weights are added."""
    return [
        module
        for name, module in network.named_modules()
        if name.endswith(PROJECTIONS) and isinstance(module, nn.Linear)
    ]


def loads(subject: Subject) -> bool:
    """Whether stock diffusers loads low-rank weights into such a pipeline: Stable Diffusion and its like."""
    return isinstance(subject.pipeline, StableDiffusionLoraLoaderMixin)


def added(given: Subject, rank: int, seed: int) -> Subject:
    """A copy with low-rank weights in float32, which alone are trained; what it computes is unchanged by them.

    Args:
        given: the pipeline given, whose weights it shares.
        rank: of each pair.
        seed: of the run, which alone decides them.
    """
    made = given.copied(own_weights=False)
    # Not in paper: a scale of 1 and normal random numbers in the one half, as diffusers' own trainer has them.
    how = _peft().LoraConfig(r=rank, lora_alpha=rank, target_modules=list(PROJECTIONS), init_lora_weights="gaussian")
    with torch.random.fork_rng():
        torch.manual_seed(random_streams.stream_seed(seed, "weights", 0))
        _peft().inject_adapter_in_model(how, made.part, ADAPTER)
    return made


def merged(given: Subject, trained: Subject) -> Subject:
    """A copy of the pipeline given that computes what the trained one does, as plain; it shares the other weights."""
    made = given.copied(own_weights=False)
    for name, layer in trained.part.named_modules():
        if hasattr(layer, "get_delta_weight"):
            plain: Any = made.part.get_submodule(name)
            with torch.no_grad():
                plain.weight = nn.Parameter(plain.weight + layer.get_delta_weight(ADAPTER), plain.weight.requires_grad)
    return made


def of(trained: Subject) -> LowRank:
    """The low-rank weights of a pipeline."""
    found = _peft().get_peft_model_state_dict(trained.part, adapter_name=ADAPTER)
    return {name: value.detach().cpu().contiguous() for name, value in found.items()}


def save(given: Subject, weights: LowRank, folder: Path) -> None:
    """Saves a sealed folder for the `load_lora_weights` of stock diffusers; it appears only when it is whole."""
    with files.atomic_folder(folder) as temporary:
        type(given.pipeline).save_lora_weights(temporary, unet_lora_layers=weights)


def load(given: Subject, folder: Path) -> Subject:
    """A copy of the pipeline given into which stock diffusers has put the weights of a folder of `save`: as plain."""
    files.check_folder(folder)
    made = given.copied(own_weights=False)
    for layer in _projections(made.part):  # the others are shared: they are not put into
        layer.weight = nn.Parameter(layer.weight.detach().clone(), layer.weight.requires_grad)
    made.part.load_lora_adapter(folder, prefix="unet", use_safetensors=True)
    made.part.fuse_lora()
    made.part.unload_lora()
    return Subject(made.pipeline, str(folder), given.precision)
