"""Training and sampling against diffusers' own, with the same network: a loop as its example of unconditional training
has it (DataLoader over PIL images, float32, its scheduler and EMA), and its DDIM pipeline.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from diffusers import DDIMPipeline
from diffusers.training_utils import EMAModel
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from selfrefine.core import random_streams
from selfrefine.cost.bench_subject import SEED, Sizes, Subject
from selfrefine.cost.clock import Case, Clock, Line, interleaved, rate_lines
from selfrefine.diffusion import sampling
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.networks import Pipeline
from selfrefine.training.settings import Settings

LOOP, STOCK = "diffusers loop, float32", "DDIMPipeline, float32"
TOLERANCE = 1e-4  # of images in [0, 1], float32: a fortieth of a grey level


class PilImages(Dataset[Tensor]):
    """Images of a data set as PIL images in memory, prepared one by one: (C, H, H) float32 in [-1, 1]."""

    def __init__(self, images: np.ndarray, channels: int, horizontal_flip: bool) -> None:
        from torchvision import transforms

        shown = images if channels == 3 else images[..., 0]
        self.images = [Image.fromarray(np.ascontiguousarray(image)) for image in shown]
        flips = [transforms.RandomHorizontalFlip()] if horizontal_flip else []
        scale = transforms.Normalize([0.5], [0.5])
        self.prepare: Callable[[Image.Image], Tensor] = transforms.Compose([*flips, transforms.ToTensor(), scale])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.prepare(self.images[index])


class DiffusersLoop:
    """The straightforward loop, one update at a time.

    Args:
        pipeline: whose `unet` is trained, in place, on its device.
        images: (N, H, H, 3) uint8.
        settings: how.
    """

    def __init__(self, pipeline: Pipeline, images: np.ndarray, settings: Settings) -> None:
        self.network: Any = pipeline.unet
        self.scheduler, self.settings, self.device = pipeline.scheduler, settings, pipeline.device
        data = PilImages(images, self.network.config.in_channels, settings.horizontal_flip)
        self.loader = DataLoader(data, batch_size=settings.batch_size, shuffle=True, drop_last=True)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.rate = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: settings.rate(step) / settings.learning_rate
        )
        self.ema = EMAModel(self.network.parameters(), decay=settings.ema_decay)
        self.ema.to(self.device)
        self.batches = self._epochs()

    def _epochs(self) -> Iterator[Tensor]:
        while True:
            yield from self.loader

    def update(self) -> float:
        """One update; returns the loss, which the example shows after every one."""
        images = next(self.batches).to(self.device)
        noise = torch.randn_like(images)
        times = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(images),), device=self.device)
        self.network.train()
        predicted = self.network(self.scheduler.add_noise(images, noise, times), times).sample
        loss = functional.mse_loss(predicted, noise)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.max_gradient_norm)
        self.optimiser.step()
        self.rate.step()
        self.optimiser.zero_grad()
        self.ema.step(self.network.parameters())
        return loss.item()


def training(subject: Subject, sizes: Sizes, clock: Clock, message: Callable[[str], None]) -> list[Line]:
    """Images per second of the diffusers loop and of ours, in float32 and in this machine's precision."""
    batch = subject.settings.batch_size
    calls = max(1, sizes.images // batch)
    found = {LOOP: Case(DiffusersLoop(subject.pipeline(), subject.images, subject.settings).update, calls)}
    for name, dtype in subject.precisions().items():
        found[name] = Case(subject.trainer(batch, dtype).update, calls)
    return rate_lines(interleaved("plain training", found, sizes.rounds, clock, message), batch)


class Respaced(nn.Module):
    """A network whose timestep k is the k-th of a chain: our sampler then walks that chain instead of its own.

    Needed to compare images at all: ours spaces timesteps as the authors do, from T-1 to 0, diffusers' as Song et al.
    """

    def __init__(self, network: Any, times: list[int]) -> None:
        super().__init__()
        self.network, self.times = network, times
        self.config, self.device = network.config, network.device

    def forward(self, noisy: Tensor, step: int) -> Any:
        """What the network predicts at the chain's timestep number `step`."""
        return self.network(noisy, self.times[step])


class Chains:
    """Both samplers on the network of one pipeline.

    Args:
        pipeline: with `unet` and `scheduler`.
        images: sampled together.
        steps: of DDIM.
    """

    def __init__(self, pipeline: Pipeline, images: int, steps: int) -> None:
        pipeline.unet.eval()
        self.images, self.steps = images, steps
        self.stock_pipeline = cast(Pipeline, DDIMPipeline(unet=pipeline.unet, scheduler=pipeline.scheduler))
        self.stock_pipeline.set_progress_bar_config(disable=True)
        scheduler = self.stock_pipeline.scheduler
        scheduler.set_timesteps(steps)
        times = [int(t) for t in scheduler.timesteps.flip(0)]
        self.network, self.schedule = Respaced(pipeline.unet, times), Schedule(scheduler.alphas_cumprod[times])

    def _streams(self) -> list[torch.Generator]:
        return [random_streams.stream(SEED, "evaluation", row) for row in range(self.images)]

    def stock(self) -> Tensor:
        """Images of diffusers' pipeline with clipped x_0 and eps re-derived from it: (n, H, H, C) in [0, 1]."""
        how: dict[str, Any] = {"use_clipped_model_output": True, "output_type": "np"}
        made = self.stock_pipeline(self.images, self._streams(), num_inference_steps=self.steps, **how)
        return torch.from_numpy(made.images)

    def ours(self, dtype: torch.dtype) -> Tensor:
        """Images of our sampler: (n, H, H, C) in [0, 1], on the CPU as well."""
        how: dict[str, Any] = {"sampler": "ddim", "steps": self.steps, "dtype": dtype}
        made = sampling.sample_chunk(self.network, self.schedule, self._streams(), **how)
        return (made / 2.0 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1).cpu()


def sampled(subject: Subject, sizes: Sizes, clock: Clock, message: Callable[[str], None]) -> list[Line]:
    """Images per second of the stock pipeline and of ours, and how far our images are from its own, at most and in the
    mean.
    """
    chains = Chains(subject.pipeline(), sizes.sampled, sizes.sampling_steps)
    actions: dict[str, Callable[[], Tensor]] = {STOCK: chains.stock}
    actions |= {name: partial(chains.ours, dtype) for name, dtype in subject.precisions().items()}
    stock = chains.stock()
    gaps = [(action() - stock).abs() for action in actions.values()]
    found = {name: Case(action) for name, action in actions.items()}
    lines = rate_lines(interleaved("sampling", found, sizes.rounds, clock, message), sizes.sampled)
    return [
        line | {"largest_difference": float(gap.max()), "mean_difference": float(gap.mean())}
        for line, gap in zip(lines, gaps, strict=True)
    ]
