"""A device that the host may not wait for, as a card is between two log lines; torch's `meta` stands in for it.

It holds no numbers, so whatever reads one fails by itself; what else would wait on a card is refused here.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("meta")
READ = {
    torch.Tag.data_dependent_output,
    torch.Tag.dynamic_output_shape,
}  # numbers decide what is returned, or its shape
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}  # a mask's places are read
# What a read of a number raises: here, and where torch finds it first.
WAITS = (RuntimeError, NotImplementedError)


class WaitError(RuntimeError):
    """The host would wait for the device here."""


def reads(func: Any, tensors: list[Tensor]) -> bool:
    """Whether an operation on these tensors reads numbers of theirs."""
    if func.overloadpacket.__name__ in INDEXING:
        return any(tensor.dtype in (torch.bool, torch.uint8) for tensor in tensors[1:])
    return not READ.isdisjoint(func.tags)


class _Refused(TorchDispatchMode):
    """Refuses every operation for which the host waits."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = any(tensor.device == DEVICE for tensor in tensors)
        here = any(tensor.device != DEVICE and tensor.dim() for tensor in tensors)  # a number goes with the call
        name, goes = func.overloadpacket.__name__, kwargs.get("device")
        if there and (reads(func, tensors) or (goes is not None and torch.device(goes) != DEVICE)):
            raise WaitError(f"{name} reads from the device")
        if name == "copy_" and there and here:
            raise WaitError(f"{name} between the host and the device")
        if name == "_to_copy" and here and goes == DEVICE and not kwargs.get("non_blocking"):
            raise WaitError(f"{name} to the device waits for it")
        if there and here:
            raise WaitError(f"{name} of tensors of the host and of the device")
        return func(*args, **kwargs)


class _Numbers(TorchFunctionMode):
    """Refuses to make a tensor on the device of numbers that the host has: they would be copied, and waited for."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.tensor, torch.as_tensor, torch.asarray, Tensor.new_tensor):
            numbers = args[func is Tensor.new_tensor]
            if result.device == DEVICE and not isinstance(numbers, Tensor):
                raise WaitError("numbers of the host are copied to the device")
        return result


class _Autocast(torch.autocast):
    """`torch.autocast`, which the device has none of; here networks compute in float32."""

    def __new__(cls, device_type: str, *_: Any, **__: Any) -> Any:
        return nullcontext() if device_type == DEVICE.type else super().__new__(cls)


@contextmanager
def imitated() -> Iterator[None]:
    """The device has what a card has, autocast and fused optimisers, until the block ends."""
    fused = "torch.optim.optimizer._get_fused_kernels_supported_devices"
    with mock.patch(fused, return_value=["cpu", DEVICE.type]), mock.patch("torch.autocast", _Autocast):
        yield


@contextmanager
def refused() -> Iterator[None]:
    """The same; whatever waits for the device is an error of WAITS inside the block."""
    with imitated(), _Numbers(), _Refused():
        yield


class Reads(TorchDispatchMode):
    """Where a training reads numbers from tensors of the CPU, which stands in for the device.

    Args:
        trainer: whose step is noted at each read.
    """

    def __init__(self, trainer: Any) -> None:
        super().__init__()
        self.trainer, self.steps = trainer, set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if reads(func, [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]):
            self.steps.add(self.trainer.step)
        return func(*args, **(kwargs or {}))
