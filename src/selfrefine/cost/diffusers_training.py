"""Plain training against a straightforward loop with diffusers, as its example of unconditional training has it.

The same network, batch, optimiser and rate; a DataLoader over PIL images, float32, diffusers' scheduler and EMA.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from selfrefine.cost import clock as cost_clock
from selfrefine.cost.bench_subject import Subject
from selfrefine.cost.clock import Case, Clock, Line
from selfrefine.networks import Pipeline
from selfrefine.training.settings import Settings

DIFFUSERS = "diffusers loop, float32"
TARGET = 1.6  # how many times as fast ours is to be on a CPU


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Args:
        rounds: of all cases.
        updates: behind one measurement.
    """

    rounds: int = 7
    updates: int = 8


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
        total = self.scheduler.config.num_train_timesteps
        times = torch.randint(0, total, (len(images),), device=self.device)
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


def measure(subject: Subject, sizes: Sizes, clock: Clock, tell: Callable[[str], None]) -> list[Line]:
    """Images per second of the diffusers loop and of ours, in float32 and in this machine's precision."""
    batch = subject.settings.batch_size
    theirs = DiffusersLoop(subject.pipeline(), subject.images, subject.settings)
    found: dict[str, Case] = {DIFFUSERS: Case(theirs.update, sizes.updates)}
    for dtype in subject.precisions():
        found[f"ours, {cost_clock.name_of(dtype)}"] = Case(subject.trainer(batch, dtype).update, sizes.updates)
    seconds = cost_clock.interleaved("plain training", found, sizes.rounds, clock, tell)
    return [{"batch": batch, **line} for line in cost_clock.rate_lines(seconds, batch, DIFFUSERS)]
