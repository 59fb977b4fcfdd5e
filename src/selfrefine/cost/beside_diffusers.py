"""Training and sampling against diffusers' own: the loop of its example of unconditional training, its pipeline."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from diffusers import DDIMPipeline
from diffusers.training_utils import EMAModel
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from selfrefine.core import random_streams
from selfrefine.cost.bench_subject import SEED, Sizes, Subject
from selfrefine.cost.clock import Case, Clock, Line, interleaved, rate_lines
from selfrefine.diffusion import noise_schedule, sampling

LOOP, STOCK = "diffusers loop, float32", "DDIMPipeline, float32"


def loader(images: np.ndarray, channels: int, flip: bool, batch_size: int) -> DataLoader[Tensor]:
    """Batches (B, C, H, H) float32 in [-1, 1] of (N, H, H, 3) uint8, which lie in memory as PIL images."""
    from torchvision import transforms

    flips = [transforms.RandomHorizontalFlip()] if flip else []
    prepare = transforms.Compose([*flips, transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    pictures: Any = [
        Image.fromarray(np.ascontiguousarray(image if channels == 3 else image[..., 0])) for image in images
    ]

    def collate(chosen: list[Image.Image]) -> Tensor:
        return torch.stack([prepare(picture) for picture in chosen])

    return DataLoader(pictures, batch_size=batch_size, shuffle=True, drop_last=True, collate_fn=collate)


def diffusers_loop(subject: Subject) -> Callable[[], float]:
    """The update of the example, in float32 with diffusers' EMA; it returns the loss, which is shown each time."""
    pipeline, how = subject.pipeline(), subject.settings
    network: Any = pipeline.unet.train()
    data = loader(subject.images, network.config.in_channels, how.horizontal_flip, how.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: how.rate(step) / how.learning_rate)
    ema = EMAModel(network.parameters(), decay=how.ema_decay)
    ema.to(subject.device)

    def epochs() -> Iterator[Tensor]:
        while True:
            yield from data

    batches = epochs()

    def update() -> float:
        images = next(batches).to(subject.device)
        noise = torch.randn_like(images)
        steps = pipeline.scheduler.config.num_train_timesteps
        times = torch.randint(0, steps, (len(images),), device=subject.device)
        predicted = network(pipeline.scheduler.add_noise(images, noise, times), times).sample
        loss = functional.mse_loss(predicted, noise)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), how.max_gradient_norm)
        optimiser.step()
        rate.step()
        optimiser.zero_grad()
        ema.step(network.parameters())
        return loss.item()

    return update


def training(subject: Subject, sizes: Sizes, clock: Clock, message: Callable[[str], None]) -> list[Line]:
    """Images per second of the diffusers loop and of ours, in float32 and in this machine's precision."""
    batch = subject.settings.batch_size
    updates: dict[str, Callable[[], object]] = {LOOP: diffusers_loop(subject)}
    updates |= {name: subject.trainer(batch, dtype).update for name, dtype in subject.precisions().items()}
    cases: dict[str, Case] = {name: (update, max(1, sizes.images // batch)) for name, update in updates.items()}
    return rate_lines(interleaved("plain training", cases, sizes.rounds, clock, message), batch)


def sampled(subject: Subject, sizes: Sizes, clock: Clock, message: Callable[[str], None]) -> list[Line]:
    """Images per second of diffusers' pipeline and of our sampler, by DDIM of as many steps, each spaced its way."""
    pipeline = subject.pipeline()
    pipeline.unet.eval()
    stock: Any = DDIMPipeline(unet=pipeline.unet, scheduler=pipeline.scheduler)
    stock.set_progress_bar_config(disable=True)
    schedule, (images, steps) = noise_schedule.of(pipeline), sizes.sampled

    def theirs() -> Any:
        return stock(images, num_inference_steps=steps, use_clipped_model_output=True, output_type="np").images

    def ours(dtype: torch.dtype) -> Tensor:
        streams = [random_streams.stream(SEED, "evaluation", row) for row in range(images)]
        return sampling.sample_chunk(pipeline.unet, schedule, streams, sampler="ddim", steps=steps, dtype=dtype).cpu()

    cases: dict[str, Case] = {STOCK: (theirs, 1)}
    cases |= {name: (partial(ours, dtype), 1) for name, dtype in subject.precisions().items()}
    return rate_lines(interleaved("sampling", cases, sizes.rounds, clock, message), images)
