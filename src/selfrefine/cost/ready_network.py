"""A diffusion network of an experiment on a device, with random weights and random images: what its jobs compute with,
without any file of theirs.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine import networks
from selfrefine.core import devices, random_streams
from selfrefine.cost.bench_subject import SEED, settings_of
from selfrefine.cost.loads import Run
from selfrefine.diffusion import autoencoder, noise_schedule, prompts
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.prompts import Captions
from selfrefine.diffusion.samplers import SAMPLERS
from selfrefine.networks import ldm
from selfrefine.params import references
from selfrefine.training.trainer import Trainer

N_IMAGES = 64  # of the training set; a step's time does not depend on it
STEPS = 2  # of a chain, the fewest


def of_experiment(params: Mapping[str, Any]) -> dict[str, Run]:
    """The distinct networks of an experiment, "DDPM, 128 px" and the first run that has it."""
    found: dict[str, Run] = {}
    titles: dict[str, str] = {}
    for run in (Run(params, found.names) for found in references.runs(params)):
        title = f"{params['models'][run.names['model']]['title']}, {run.size} px"
        found[titles.setdefault(run.network().name, title)] = run
    return found


@dataclass(frozen=True)
class Ready:
    """A network on its device with all that training and sampling take beside it.

    Args:
        run: whose network it is.
        network: with random weights.
        schedule: of its noise.
        codec: of a latent family.
        images: packed, (N, H, H, 3) uint8, or latents, (N, c, h, w) float16.
        captions: of a text-to-image family.
        dtype: what it computes in.
    """

    run: Run
    network: Any
    schedule: Schedule
    codec: LatentCodec | None
    images: np.ndarray
    captions: Captions | None
    dtype: torch.dtype

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        device: torch.device = self.network.device
        return device

    def trainer(self, batch_size: int) -> Trainer:
        """A new trainer of this network, as train_base has it."""
        self.network.zero_grad(set_to_none=True)  # of a trainer before, whose update broke off
        settings = dataclasses.replace(settings_of(self.run.of("train_base")), batch_size=batch_size)
        how: dict[str, Any] = {"seed": SEED, "dtype": self.dtype, "captions": self.captions}
        return Trainer(self.network, self.schedule, self.images, settings, **how)

    def chain(self, batch_size: int) -> Callable[[], object]:
        """Samples so many images by STEPS steps of generate_samples, whose first noise is drawn beforehand."""
        self.network.eval()
        streams = [random_streams.stream(SEED, "evaluation", row) for row in range(batch_size)]
        own = self.network.config
        noisy = random_streams.image_noise(streams, (own.in_channels, own.sample_size, own.sample_size)).to(self.device)
        values = self.run.of("generate_samples")
        prompted = prompts.prompted(self.network, self.captions, range(batch_size), values["guidance_scale"])
        sampler = SAMPLERS[values["sampler"]]

        @torch.no_grad()
        def sample() -> Tensor:
            with devices.autocast(self.device, self.dtype):
                made: Tensor = sampler(prompted, self.schedule, noisy, STEPS, streams)
            return made

        return sample

    def decoding(self, batch_size: int) -> Callable[[], object]:
        """Decodes so many latents, in float32 as samples are."""
        assert self.codec is not None, "images of pixels are not decoded"
        chosen = np.arange(batch_size) % len(self.images)
        return partial(self.codec.decode, torch.from_numpy(self.images[chosen]).float().to(self.device))


def ready(run: Run, device: torch.device, dtype: torch.dtype) -> Ready:
    """The network of a run, with weights that are always the same."""
    base, draws = run.of("train_base"), np.random.default_rng(SEED)
    captions = None
    parts: dict[str, Any] = {}
    if run.is_latent:
        values = run.of("train_autoencoder")
        parts["autoencoder"] = autoencoder.build(values["kind"], values["network"], run.size, SEED).eval()
    if prompted := run.network().inputs[2:]:
        embeddings = draws.standard_normal((N_IMAGES + 1, *prompted[0]), dtype=np.float32)
        captions = Captions(embeddings, np.arange(1, N_IMAGES + 1))
        # Without the text encoder, which no job of a network evaluates, diffusers has no pipeline of it.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            unet = run.network().build()
        scheduler = ldm.scheduler(base["diffusion"])
        pipeline: Any = SimpleNamespace(unet=unet, scheduler=scheduler, vae=parts["autoencoder"])
    else:
        pipeline = networks.build(base["family"], base["network"], base["diffusion"], run.size, SEED, **parts)
    images: np.ndarray
    if (codec := autoencoder.of(pipeline)) is not None:
        codec.autoencoder.to(device)
        images = draws.standard_normal((N_IMAGES, *run.shape()), dtype=np.float32).astype(np.float16)
    else:
        grey = draws.integers(0, 256, (N_IMAGES, run.size, run.size, 1), dtype=np.uint8)
        images = grey.repeat(3, axis=-1)  # also for networks of one channel
    schedule = noise_schedule.of(pipeline)
    return Ready(run, pipeline.unet.to(device), schedule, codec, images, captions, dtype)
