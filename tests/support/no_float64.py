"""An accelerator without float64, as Apple's, imitated on the CPU: real numbers under the rules of such a device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

DEVICE = torch.device("mps")


class OnDevice(Tensor):
    """A tensor that counts as one on the device; made by `to` inside `imitated`."""


class _Rules(TorchFunctionMode):
    """What is made of tensors on the device is on it, is not float64, and meets no tensor of the CPU but numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if func == Tensor.device.__get__:
            return DEVICE if isinstance(args[0], OnDevice) else torch.device("cpu")
        leaves = torch.utils._pytree.tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        there = any(isinstance(one, OnDevice) for one in tensors)
        if name == "to" and len(tensors) == 2:  # like another tensor
            args = (args[0], "mps" if isinstance(args[1], OnDevice) else "cpu", args[1].dtype)
        goes = any(str(leaf) == "mps" for leaf in leaves if isinstance(leaf, str | torch.device)) or "mps" in args[1:]
        comes = name == "cpu" or (name == "to" and any(str(leaf) == "cpu" for leaf in args[1:]))
        if there and not (goes or comes) and any(type(one) is Tensor and one.dim() for one in tensors):
            raise RuntimeError(f"{name}: tensors on two devices")
        plain = torch.utils._pytree.tree_map(_plain, (args, kwargs))
        result = func(*plain[0], **plain[1])
        return result if comes or not (there or goes) else torch.utils._pytree.tree_map(_on_device, result)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, OnDevice):
        return leaf.as_subclass(Tensor)
    return torch.device("cpu") if isinstance(leaf, torch.device) else "cpu" if leaf == "mps" else leaf


def _on_device(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor):
        return leaf
    if leaf.dtype in (torch.float64, torch.complex128):
        raise TypeError("the device has no float64")
    return leaf.as_subclass(OnDevice)


@contextmanager
def imitated() -> Iterator[torch.device]:
    """Yields the device, which exists until the block ends."""
    with _Rules():
        yield DEVICE
