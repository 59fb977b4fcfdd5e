"""Training of the autoencoder: L1 and the terms of its latents, AdamW, checkpoints, resume; how well it reproduces."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from selfrefine.core import devices, pixels, random_streams, stopping, training_state
from selfrefine.core.errors import InputError
from selfrefine.core.progress import Progress

REMEDY = (
    "lower train_autoencoder.learning_rate in params.yaml, or set shared.precision to float32, and "
    f"{training_state.ANEW}"
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How an autoencoder is trained.

    Args:
        steps: updates.
        batch_size: images per step.
        learning_rate: of AdamW, after the warm-up.
        warmup_steps: the rate rises linearly over these first steps.
        max_gradient_norm: gradients are clipped to this norm.
        latent_weight: of the codebook's terms, or of the divergence from N(0, 1), beside the L1 distance.
        checkpoint_every: steps between checkpoints.
        log_every: steps whose mean loss is one row of the log.
    """

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    max_gradient_norm: float
    latent_weight: float
    checkpoint_every: int
    log_every: int

    def rate(self, step: int) -> float:
        """The learning rate of the update with this number, from 0.

        # Not in paper: it falls to 0 along half a cosine, because a short training ends better so; LDM's is constant.
        """
        warm = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        return self.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


class AutoencoderTrainer:
    """An autoencoder in training: its weights, AdamW's moments, the log.

    Args:
        autoencoder: of `diffusion.autoencoder.build`, trained in place.
        images: packed training images, (N, H, W, 3) uint8, memory-mapped.
        settings: how.
        seed: of the run; what a step draws depends on it and the step's number alone.
        dtype: what the network computes in; weights and updates are float32.
    """

    def __init__(
        self, autoencoder: Any, images: np.ndarray, settings: Settings, *, seed: int, dtype: torch.dtype
    ) -> None:
        self.autoencoder, self.images, self.settings, self.seed, self.dtype = autoencoder, images, settings, seed, dtype
        self.device = next(autoencoder.parameters()).device
        self.channels: int = autoencoder.config.in_channels
        self.optimiser = torch.optim.AdamW(
            autoencoder.parameters(), lr=settings.learning_rate, weight_decay=0.0, fused=True
        )
        self.step = 0
        self.log: list[tuple[int, float, float, float]] = []

    def run(self, scratch: Path, label: str) -> None:
        """Trains from wherever a checkpoint in `scratch` stands to the last step; ends in evaluation mode.

        Raises:
            InputError: a loss or, before they are kept, weights that are not finite.
        """
        settings, losses = self.settings, list[Tensor]()  # losses since the last row of the log
        if not self._resume(scratch, losses) and hasattr(self.autoencoder, "quantize"):
            self._initialise_codes()
        with (
            stopping.listening(label, lambda: self._checkpoint(scratch, losses)) as stop,
            Progress(label, settings.steps, start=self.step, items=settings.batch_size) as progress,
        ):
            while self.step < settings.steps:
                losses.append(self.update())
                checkpoint = self.step % settings.checkpoint_every == 0
                if self.step % settings.log_every == 0 or checkpoint or self.step == settings.steps:
                    self._log(losses)
                    losses.clear()
                    progress.update(self.step, loss=self.log[-1][1])
                if checkpoint and self.step < settings.steps:
                    self._checkpoint(scratch, losses)
                stop.check()
        training_state.check_finite(self.autoencoder.state_dict(), self.step, REMEDY)
        self.autoencoder.eval()

    def batch(self, step: int) -> tuple[Tensor, torch.Generator]:
        """Images of a step, (batch_size, C, H, W) float32 in [-1, 1], and the stream that its noise is drawn of."""
        draws = random_streams.stream(self.seed, "autoencoder", step)
        rows = torch.randint(len(self.images), (self.settings.batch_size,), generator=draws)
        return pixels.to_float(self.images[rows.numpy()], self.channels), draws

    def update(self) -> Tensor:
        """One update; returns the L1 distance and the term of the latents before it, (2,) on the device.

        # Not in paper: no perceptual loss and no adversary, which LDM adds, because on small images and a short
        # training the sum is dominated by them, and an adversary's fingerprint is a shortcut for the highlighter.
        """
        images, draws = self.batch(self.step)
        images = images.to(self.device)
        self.autoencoder.train()
        with devices.training_attention(self.device), devices.autocast(self.device, self.dtype):
            decoded, latent_term = self._reproduced(images, draws)
        terms = torch.stack([functional.l1_loss(decoded.float(), images), latent_term.float()])
        (terms[0] + self.settings.latent_weight * terms[1]).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.autoencoder.parameters(), self.settings.max_gradient_norm)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate(self.step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return terms.detach()

    def _reproduced(self, images: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Decoded images and the term of their latents: of codes what the model says, else the mean divergence."""
        encoded = self.autoencoder.encode(images)
        if hasattr(encoded, "latents"):
            decoded = self.autoencoder.decode(encoded.latents)
            return decoded.sample, decoded.commit_loss
        latents = encoded.latent_dist
        noise = torch.randn(latents.mean.shape, generator=draws).to(self.device)
        # LDM sums the divergence over the latents of an image and takes the mean over images
        return self.autoencoder.decode(latents.mean + latents.std * noise).sample, latents.kl().mean()

    @torch.no_grad()
    def _initialise_codes(self) -> None:
        """Codes start as latents of training images.

        # Not in paper: diffusers' codes start near 0, and a short training then uses a fraction of them.
        """
        codes, found = self.autoencoder.quantize.embedding.weight, list[Tensor]()
        draws = random_streams.stream(self.seed, "autoencoder_weights", 1)
        while sum(map(len, found)) < len(codes):
            rows = torch.randint(len(self.images), (self.settings.batch_size,), generator=draws)
            images = pixels.to_float(self.images[rows.numpy()], self.channels).to(self.device)
            found.append(self.autoencoder.encode(images).latents.permute(0, 2, 3, 1).flatten(0, 2))
        latents = torch.cat(found)
        codes.copy_(latents[torch.randperm(len(latents), generator=draws)[: len(codes)].to(self.device)])

    def _log(self, losses: list[Tensor]) -> None:
        distance, latent_term = torch.stack(losses).mean(dim=0).tolist()
        if not math.isfinite(distance + latent_term):
            raise InputError(f"loss is {distance} + {latent_term} at step {self.step}", REMEDY)
        self.log.append((self.step, distance, latent_term, self.settings.rate(self.step - 1)))

    def _checkpoint(self, scratch: Path, losses: list[Tensor]) -> int:
        """Keeps all that the next update and the result depend on."""
        tensors = training_state.grouped("weights", self.autoencoder.state_dict())
        tensors |= training_state.moments(self.autoencoder.named_parameters(), self.optimiser)
        tensors |= training_state.unlogged(losses)
        return training_state.write(scratch, tensors, self.step, REMEDY, log=self.log)

    def _resume(self, scratch: Path, losses: list[Tensor]) -> bool:
        """Takes over what `_checkpoint` kept, if anything, and fills `losses`; tells whether there was something."""
        if (kept := training_state.read(scratch)) is None:
            return False
        tensors, metadata = kept
        self.step, self.log = metadata["step"], [tuple(row) for row in metadata["log"]]
        self.autoencoder.load_state_dict(training_state.of_group("weights", tensors))
        training_state.restore_moments(self.autoencoder.named_parameters(), self.optimiser, tensors)
        losses += training_state.restored_losses(tensors, self.device)
        return True
