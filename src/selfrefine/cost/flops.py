"""What a pass of a network costs: FLOPs by torch's counter, and bytes, on the meta device, which computes nothing."""

import functools
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

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
    """What a pass of a batch costs."""

    flops: int  # 2 for each multiplication and addition (method 8)
    parameters: int
    live_bytes: int  # the most at a time in float32, beside weights and inputs; gradients of weights count


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
def count(network: Network, kind: Kind, batch: int = 1) -> Count:
    """Counts one pass of a batch, the backward pass with all that it computes again (gradient checkpointing)."""
    train = kind == "train"
    with torch.device("meta"):
        module = network.build().train(train)
        inputs = network.batch(batch, torch.device("meta"))
        given = [*module.parameters(), *module.buffers(), *inputs]
        with torch.set_grad_enabled(train), LiveBytes(given) as live, FlopCounterMode(display=False) as counter:
            made = output(module, inputs)
            if train:
                made.sum().backward()  # type: ignore[no-untyped-call]
    parameters = sum(parameter.numel() for parameter in module.parameters())
    return Count(counter.get_total_flops(), parameters, live.peak)
