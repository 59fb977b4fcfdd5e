"""Our DDIM against diffusers' own pipeline: the same network, noise and steps; speed, and whether the images agree."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from diffusers import DDIMPipeline
from torch import Tensor, nn

from selfrefine.core import random_streams
from selfrefine.cost import clock as cost_clock
from selfrefine.cost.bench_subject import SEED, Subject
from selfrefine.cost.clock import Case, Clock, Line
from selfrefine.diffusion import sampling
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.networks import Pipeline

STOCK = "DDIMPipeline, float32"
TARGET = 1.5  # how many times as fast ours is to be on a CPU
TOLERANCE = 1e-4  # of images in [0, 1], float32: a fortieth of a grey level


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Args:
        rounds: of all cases.
        images: sampled together.
        steps: of DDIM.
    """

    rounds: int = 7
    images: int = 64
    steps: int = 25


class Respaced(nn.Module):
    """A network whose timestep k is the k-th of a chain: our sampler then walks that chain instead of its own.

    Needed to compare images at all: ours spaces timesteps as the authors do, from T-1 to 0, diffusers' as Song et al.

    Args:
        network: a diffusers network that predicts noise.
        times: of the chain, ascending.
    """

    def __init__(self, network: Any, times: list[int]) -> None:
        super().__init__()
        self.network, self.times = network, times
        self.config, self.device = network.config, network.device

    def forward(self, noisy: Tensor, step: int) -> Any:
        """What the network predicts at the chain's timestep number `step`."""
        return self.network(noisy, self.times[step])


class Chains:
    """Both samplers on one network.

    Args:
        pipeline: with `unet` and `scheduler`.
        sizes: images and steps.
    """

    def __init__(self, pipeline: Pipeline, sizes: Sizes) -> None:
        pipeline.unet.eval()
        self.sizes = sizes
        self.stock_pipeline = cast(Pipeline, DDIMPipeline(unet=pipeline.unet, scheduler=pipeline.scheduler))
        self.stock_pipeline.set_progress_bar_config(disable=True)
        scheduler = self.stock_pipeline.scheduler
        scheduler.set_timesteps(sizes.steps)
        times = [int(t) for t in scheduler.timesteps.flip(0)]
        self.network = Respaced(pipeline.unet, times)
        self.schedule = Schedule(scheduler.alphas_cumprod[times])

    def _streams(self) -> list[torch.Generator]:
        return [random_streams.stream(SEED, "evaluation", row) for row in range(self.sizes.images)]

    def stock(self) -> Tensor:
        """Images of diffusers' pipeline with clipped x_0 and eps re-derived from it: (n, H, H, C) in [0, 1]."""
        made = self.stock_pipeline(
            batch_size=self.sizes.images,
            generator=self._streams(),
            num_inference_steps=self.sizes.steps,
            use_clipped_model_output=True,
            output_type="np",
        )
        return torch.from_numpy(made.images)

    def ours(self, dtype: torch.dtype) -> Tensor:
        """Images of our sampler: (n, H, H, C) in [0, 1], on the CPU as well."""
        steps, streams = self.sizes.steps, self._streams()
        made = sampling.sample_chunk(self.network, self.schedule, streams, sampler="ddim", steps=steps, dtype=dtype)
        return (made / 2.0 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1).cpu()


def measure(subject: Subject, sizes: Sizes, clock: Clock, tell: Callable[[str], None]) -> list[Line]:
    """Images per second of the stock pipeline and of ours, and the greatest and the mean difference of their images."""
    chains = Chains(subject.pipeline(), sizes)
    stock, precisions = chains.stock(), subject.precisions()
    names = {f"ours, {cost_clock.name_of(dtype)}": dtype for dtype in precisions}
    differences = {name: (chains.ours(dtype) - stock).abs() for name, dtype in names.items()}
    found = {STOCK: Case(chains.stock)}
    for name, dtype in names.items():
        found[name] = Case(partial(chains.ours, dtype))
    seconds = cost_clock.interleaved("sampling", found, sizes.rounds, clock, tell)
    told = {name: {"largest": float(gap.max()), "mean": float(gap.mean())} for name, gap in differences.items()}
    told[STOCK] = {"largest": 0.0, "mean": 0.0}
    return [
        {"images": sizes.images, "steps": sizes.steps, **line}
        | {f"{which}_difference": value for which, value in told[line["case"]].items()}
        for line in cost_clock.rate_lines(seconds, sizes.images, STOCK)
    ]
