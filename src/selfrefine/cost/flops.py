"""What a pass of a network costs, FLOPs by torch's counter, and bytes, on tensors without data: nothing is computed."""

import functools
import weakref
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from selfrefine.core import devices

# A pass: forward and backward; forward alone; the same, but in float32 whatever the precision of the run.
Kind = Literal["train", "evaluate", "measure"]


@dataclass(frozen=True)
class Network:
    """A network that jobs evaluate; equal if its name is, which holds all leaves of params that `build` reads."""

    name: str
    build: Callable[[], nn.Module] = field(compare=False)  # untrained: neither FLOPs nor bytes depend on weights
    inputs: tuple[tuple[int, ...], ...] = field(compare=False)  # shapes of what it takes for one image
    dtype: torch.dtype = field(default=torch.float32, compare=False)  # of the inputs
    layout: torch.memory_format = field(default=torch.contiguous_format, compare=False)  # of inputs and weights
    on_processors: bool = field(default=False, compare=False)  # whatever the device: what NumPy computes

    def batch(self, images: int, device: torch.device) -> list[Tensor]:
        """Random inputs of so many images."""
        drawn = (torch.rand((images, *shape), device=device) for shape in self.inputs)
        return [numbers.to(self.dtype).contiguous(memory_format=self.layout) for numbers in drawn]


class Count(NamedTuple):
    """What a pass of one image costs."""

    flops: int  # 2 for each multiplication and addition (method 8)
    parameters: int


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own class is untyped
    """Adds up the bytes of all tensors that are made inside it and are still there; `peak` is the most at a time.
    `others` were there before; it may see views of them.
    """

    def __init__(self, others: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak = self.now = 0
        self.others = {tensor.untyped_storage()._cdata for tensor in others}
        self.known: dict[int, weakref.ref[torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self.known or key in self.others:
            return

        def freed(_: object) -> None:
            del self.known[key]
            self.now -= size

        self.known[key] = weakref.ref(storage, freed)
        self.now += size
        self.peak = max(self.peak, self.now)


def output(network: nn.Module, inputs: Iterable[Tensor]) -> Tensor:
    """What a network makes of its inputs; diffusers' networks wrap it, extractors of features give a tuple."""
    made = network(*inputs)
    tensor: Tensor = made[0] if isinstance(made, tuple) else getattr(made, "sample", made)
    return tensor


@functools.cache
def count(network: Network, kind: Kind) -> Count:
    """Counts a pass of one image, the backward pass with all that it computes again (gradient checkpointing).

    On the meta device, where attention is plain products: the counter knows no fused one of a CPU.
    """
    meta = torch.device("meta")
    module, inputs = _on_meta(network, kind), network.batch(1, meta)
    with FlopCounterMode(display=False) as counter:
        passed(module, inputs, kind, meta, torch.float32)
    return Count(counter.get_total_flops(), sum(parameter.numel() for parameter in module.parameters()))


@functools.cache
def live_bytes(network: Network, kind: Kind, batch: int, device: torch.device, dtype: torch.dtype) -> int:
    """The most bytes at a time of a pass beside weights and inputs; gradients count, and weights cast to `dtype`.

    On torch's fake tensors, which compute nothing either, but which autocast and attention take for those of `device`.
    """
    # Passes of a chain are under one autocast, from the second on beside all cast weights.
    chain = kind == "evaluate" and dtype != torch.float32
    module = _on_meta(network, kind)
    with FakeTensorMode(allow_non_fake_inputs=True), devices.autocast(device, dtype) if chain else nullcontext():
        module, inputs = module.to_empty(device=device), network.batch(batch, device)
        live = LiveBytes([*module.parameters(), *module.buffers(), *inputs])
        with live:
            for _ in range(1 + chain):
                passed(module, inputs, kind, device, dtype)
    return live.peak


def passed(module: nn.Module, inputs: Iterable[Tensor], kind: Kind, device: torch.device, dtype: torch.dtype) -> None:
    """A pass as jobs make it; one of training leaves gradients in the weights."""
    casts = kind != "measure" and dtype != torch.float32
    precision = devices.autocast(device, dtype) if casts else nullcontext()  # autocast knows no meta device
    if kind != "train":
        with torch.no_grad(), precision:
            module(*inputs)
        return
    with devices.training_attention(device):
        with precision:
            made = output(module, inputs)
        made.float().square().mean().backward()  # type: ignore[no-untyped-call]


def _on_meta(network: Network, kind: Kind) -> nn.Module:
    with torch.device("meta"):
        return network.build().train(kind == "train")
