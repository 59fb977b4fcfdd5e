"""From the first evaluation of a network on, no sampler lets the host wait for the device, for times or for noise."""

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from selfrefine.core import random_streams
from selfrefine.diffusion import autoencoder, noise_schedule, prompts, repaint, samplers
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from tests.support import no_wait, tiny, tiny_highlighter, tiny_prompt, tiny_trainers
from tests.support.no_wait import DEVICE

N, STEPS = 2, 4
DISCRETE = ("ddim", "ddim_eta_1", "ancestral")
CASES = [(family, sampler) for family in tiny_trainers.FAMILIES for sampler in DISCRETE]
CASES += [("uvit", "euler_ode"), ("uvit", "euler_sde")]


class From(nn.Module):
    """A network that refuses every wait from its first evaluation on.

    Args:
        waits: whether it waits itself, as one does that is given a number for a time.
    """

    def __init__(self, network: Any, stack: ExitStack, waits: bool = False) -> None:
        super().__init__()
        self.network, self.stack, self.waits, self.evaluations = network, stack, waits, 0

    def forward(self, noisy: Tensor, t: Any) -> Any:
        if not self.evaluations:
            self.stack.enter_context(no_wait.refused())
        self.evaluations += 1
        return self.network(noisy, float(t) if self.waits else t)


def there(family: str) -> tuple[Any, noise_schedule.Schedule, Tensor, list[torch.Generator]]:
    """Network, schedule and x_T of a family on the device, and streams of its noise."""
    made = tiny_trainers.pipeline(family)
    schedule, network = noise_schedule.of(made), made.unet.to(DEVICE).eval()
    side, channels = network.config.sample_size, network.config.in_channels
    captions = tiny_prompt.captions() if family == "stable_diffusion" else None
    streams = [random_streams.stream(0, "evaluation", index) for index in range(N)]
    noisy = torch.empty(N, channels, side, side, device=DEVICE)
    return prompts.prompted(network, captions, list(range(N))), schedule, noisy, streams


@torch.no_grad()
@pytest.mark.parametrize(("family", "sampler"), CASES)
def test_no_step_waits(family: str, sampler: samplers.Sampler) -> None:
    network, schedule, noisy, streams = there(family)
    with ExitStack() as stack:
        watched = From(network, stack)
        made = samplers.SAMPLERS[sampler](watched, schedule, noisy, STEPS, streams)
    assert (watched.evaluations, made.shape, made.device) == (STEPS, noisy.shape, DEVICE)


@torch.no_grad()
@pytest.mark.parametrize("family", ["ddpm", "improved_ddpm", "uvit"])
def test_no_step_of_repaint_waits(family: str) -> None:
    network, schedule, noisy, streams = there(family)
    way = repaint.Resampling(steps=STEPS, jump_length=2, jump_samples=2, step_samples=1)
    with ExitStack() as stack:
        watched = From(network, stack)
        repaint.repaint(watched, schedule, noisy, noisy[:, :1], way, streams, streams)
    assert watched.evaluations == way.evaluations() > STEPS


@torch.no_grad()
@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_a_number_for_a_time_would_be_found(family: str) -> None:
    network, schedule, noisy, streams = there(family)
    with ExitStack() as stack, pytest.raises(no_wait.WAITS, match=r"device|meta"):
        samplers.ddim(From(network, stack, waits=True), schedule, noisy, STEPS, streams)


class Counted(TorchDispatchMode):
    """How often the host reads a number of a tensor, or makes a tensor of numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, int] = {"_local_scalar_dense": 0, "lift_fresh": 0}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in self.found:
            self.found[name] += 1
        return func(*args, **(kwargs or {}))


def counted(family: str, steps: int) -> dict[str, int]:
    """Of a refresh of this many steps."""
    made = tiny_trainers.pipeline(family)
    guide = Guide(
        MapRecipe(map_images=3, map_steps=steps),
        noise_schedule.of(made),
        tiny_highlighter.highlighter(32),
        tiny.tiny_images(),
        seed=0,
        dtype=torch.float32,
        horizontal_flip=False,
        codec=autoencoder.of(made),
        captions=tiny_prompt.captions() if family == "stable_diffusion" else None,
    )
    with Counted() as count:
        guide.generated(made.unet.eval(), 0)
    return count.found


@pytest.mark.parametrize("family", tiny_trainers.FAMILIES)
def test_a_refresh_of_more_steps_reads_and_sends_no_more_numbers(family: str) -> None:
    assert counted(family, 3) == counted(family, 9)
