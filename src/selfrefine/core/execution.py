"""How a network is executed: in which order its numbers lie in memory, and which of its regions are compiled.

Neither is part of its weights: what is saved is in torch's own order, and a compiled region keeps its name.
"""

from typing import TYPE_CHECKING, Literal, Protocol

from selfrefine.core.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import nn

Choice = Literal["auto", True, False]
# Updates or evaluations from which a compilation, a minute or so, is a small part of a job.
LONG = 20_000
BACKEND = "inductor"
# Classes whose modules are compiled, in diffusers' networks, and the name of such modules in ours. None of them holds
# an attention: the map enters through hooks on its keys and values, for which compiled code does not look.
REGIONS, REGION = ("ResnetBlock2D", "FeedForward"), "mlp"
SHAPES = 256  # that a class may be compiled for: above 8, torch would go on without and say so in a warning only


class Choices(Protocol):
    """What a stage's config says of it: params.yaml, shared."""

    @property
    def channels_last(self) -> Choice:
        """Whether convolutions find the channels of a pixel side by side; auto: on CUDA."""

    @property
    def compile(self) -> Choice:
        """Whether regions are compiled; auto: on CUDA, where the job is long and a compiler is there."""


def prepare(network: "nn.Module", on: "torch.device", choices: Choices, passes: int) -> None:
    """Lays a network out for its job and marks what is compiled when it first runs; before a trainer takes it.

    Args:
        network: of diffusion, on the device.
        on: the device.
        choices: what is asked. Dropout draws in the order of memory: with another one, another mask.
        passes: updates or evaluations of the job.

    Raises:
        InputError: to be compiled, but there is no compiler.
    """
    import torch

    if choices.channels_last is True or (choices.channels_last == "auto" and on.type == "cuda"):
        network.to(memory_format=torch.channels_last)
    if choices.compile is True or (choices.compile == "auto" and on.type == "cuda" and passes >= LONG):
        if lacking := _lacking(on):
            if choices.compile is True:
                raise InputError(f"params.yaml: shared.compile is true, but {lacking}; set it to auto or false")
            print(f"{lacking}: networks are not compiled", flush=True)
            return
        torch._dynamo.config.recompile_limit = SHAPES
        torch._inductor.config.fallback_random = True  # dropout draws what it would without
        for region in regions(network):
            region.compile(backend=BACKEND)


def regions(network: "nn.Module") -> list["nn.Module"]:
    """The modules that are compiled, each by itself."""
    return [
        module
        for name, module in network.named_modules()
        if type(module).__name__ in REGIONS or name.rpartition(".")[2] == REGION
    ]


def in_own_order(network: "nn.Module") -> None:
    """Gives weights torch's own order in memory again, as files have it; others are untouched."""
    import torch

    network.to(memory_format=torch.contiguous_format)


def _lacking(on: "torch.device") -> str:
    """What compiling lacks on this machine; "" if nothing."""
    import torch
    from torch.utils import _triton

    if on.type == "cuda" and not _triton.has_triton():
        return "Triton does not work with this card"
    from torch._inductor import cpp_builder

    try:
        cpp_builder.get_cpp_compiler()
    except torch._inductor.exc.InvalidCxxCompiler:
        return "this machine has no C++ compiler"
    return ""
