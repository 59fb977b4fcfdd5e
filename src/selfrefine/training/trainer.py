"""One update of a diffusion network, plain or self-refining, and the state it leaves: weights, EMA, AdamW's moments.

All that a step draws is keyed by (seed, purpose, step), so that it is bit-equal in all variants and after a resume.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from selfrefine.core import devices, pixels, prefetch, random_streams, training_state
from selfrefine.core.errors import InputError
from selfrefine.diffusion import forward_process, learned_variance
from selfrefine.diffusion.noise_schedule import Schedule
from selfrefine.diffusion.prompts import Captions
from selfrefine.guidance import attention_modulation
from selfrefine.guidance.refinement import Refinement
from selfrefine.training.settings import Settings


class Trainer:
    """A network in training: weights, their EMA, AdamW's moments, the number of updates so far, and the log.

    Args:
        network: a diffusers network; its weights that ask for gradients are trained in place.
        schedule: of its pipeline; decides at which times it is trained, and what it predicts.
        images: packed training images, (N, H, W, 3) uint8, or their latents, (N, c, h, w) float16; memory-mapped.
        settings: how.
        seed: of the run.
        dtype: what the network computes in; weights and updates are float32.
        captions: of the images, for a network that is conditioned on them.

    Raises:
        InputError: latents of images that should be mirrored.
    """

    def __init__(
        self,
        network: Any,
        schedule: Schedule,
        images: np.ndarray,
        settings: Settings,
        *,
        seed: int,
        dtype: torch.dtype,
        captions: Captions | None = None,
    ) -> None:
        self.network, self.images, self.settings, self.seed, self.dtype = network, images, settings, seed, dtype
        if settings.horizontal_flip and images.dtype != np.uint8:
            # Not in paper: latents are made once, of images as they are; a mirrored latent is no mirrored image's.
            raise InputError("params.yaml: train_base.horizontal_flip is true; latents allow false alone")
        if settings.gradient_checkpointing:
            network.enable_gradient_checkpointing()
        self.device = next(network.parameters()).device
        self.channels: int = network.config.in_channels
        self.schedule, self.captions = schedule.to(self.device), captions
        self.bound = learned_variance.Bound(schedule, self.device) if schedule.learned_variance else None
        self.parameters = {name: value for name, value in network.named_parameters() if value.requires_grad}
        self.projectors: nn.ModuleList | None = None
        self.ema = {name: value.detach().clone() for name, value in self.parameters.items()}
        first, second = settings.betas
        self.optimiser = torch.optim.AdamW(
            self.parameters.values(),
            lr=settings.learning_rate,
            betas=(first, second),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.step = 0
        self.log: list[tuple[int, float, float]] = []

    def add_projectors(self, projectors: nn.ModuleList | None) -> None:
        """Trains projections of the map beside the network, by the same optimiser; they are saved with the state only.

        Called after `restore` at the switch of phases (method 6, row 26).
        """
        if projectors is None:
            return
        self.projectors = projectors
        added = {f"projection.{name}": parameter for name, parameter in projectors.named_parameters()}
        self.parameters |= added
        self.ema |= {name: value.detach().clone() for name, value in added.items()}
        self.optimiser.add_param_group({"params": list(added.values())})

    # -- one step ------------------------------------------------------------------------------------------------------

    def batch(self, step: int) -> Tensor:
        """x_0 of a step: (batch_size, C, H, W) float32; of images in [-1, 1].

        # Not in paper: drawn with replacement, because a step's batch then depends on its number alone.
        """
        rows, draws = self._drawn(step)
        images = pixels.training_images(self.images[rows.numpy()], self.channels)
        if self.settings.horizontal_flip:
            flipped = torch.rand(len(rows), generator=draws) < 0.5
            images = torch.where(flipped.view(-1, 1, 1, 1), images.flip(-1), images)
        return images

    def prompts(self, step: int) -> Tensor | None:
        """The captions of a step's batch, some left empty: (batch_size, L, D) float32; None if there are none."""
        if self.captions is None:
            return None
        draws = random_streams.stream(self.seed, "caption_dropout", step)
        return self.captions.dropped(self._drawn(step)[0], self.settings.caption_dropout, draws)

    def draws(self, step: int, refinement: Refinement | None = None) -> prefetch.Draws:
        """All that a step draws, on the CPU: `images`, `times`, `noise`; `other_noise`, `prompts` where they are used.

        The noise, eps, is equal in all variants. Nothing depends on an update: it may be drawn before the step is due.
        """
        images = self.batch(step)
        times = self.schedule.draw(len(images), random_streams.stream(self.seed, "timestep", step))
        found = {"images": images, "times": times, "noise": self._normal(images.shape, "noise", step)}
        if refinement is not None and refinement.gamma:
            found["other_noise"] = self._normal(images.shape, "input_perturbation", step)
        prompts = self.prompts(step)
        return found if prompts is None else found | {"prompts": prompts}

    def _drawn(self, step: int) -> tuple[Tensor, torch.Generator]:
        """The numbers of a step's images, and the stream that they came from."""
        draws = random_streams.stream(self.seed, "batch", step)
        return torch.randint(len(self.images), (self.settings.batch_size,), generator=draws), draws

    def update(
        self,
        guidance_map: Tensor | None = None,
        refinement: Refinement | None = None,
        drawn: prefetch.Draws | None = None,
    ) -> Tensor:
        """One update of weights and EMA; returns the loss, a scalar on the device. Method 1 and 2.

        The host reads nothing from the device and waits for none of its work.

        Args:
            guidance_map: M, (H, W) float32 in [0, 1], or None for plain training.
            refinement: how M is used.
            drawn: what `draws` returns for this step; None draws it here.
        """
        step, settings = self.step, self.settings
        draws = prefetch.sent(self.draws(step, refinement) if drawn is None else drawn, self.device)
        images, times, prompts = draws["images"], draws["times"], [draws[name] for name in draws if name == "prompts"]
        noise = self._noise(draws, guidance_map, refinement)
        levels = self.schedule.alphas_cumprod_at(times)
        noisy = forward_process.diffuse(images, noise.injected, levels)
        target = forward_process.target_of(noise.target, images, levels, self.schedule.prediction)

        self.network.train()
        # Dropout knows no generator of its own.
        torch.manual_seed(random_streams.stream_seed(self.seed, "dropout", step))
        given, parts = (images, noisy, times, target, *prompts), settings.gradient_accumulation
        losses, gamma = [], 0.0 if refinement is None else refinement.min_snr_gamma
        # Gradients are made in here, too: checkpointing evaluates the network again.
        with self._modulated(guidance_map, refinement), devices.training_attention(self.device):
            for part in zip(*(tensor.chunk(parts) for tensor in given), strict=True):
                losses.append(self._loss(*part, factor=noise.loss_factor, gamma=gamma) / parts)
                losses[-1].backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.parameters.values(), settings.max_gradient_norm)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate(step)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.no_grad():
            weight = 1.0 - settings.ema_decay_at(step)
            torch._foreach_lerp_(list(self.ema.values()), list(self.parameters.values()), weight)
        self.step += 1
        return torch.stack(losses).detach().sum()

    def _loss(
        self,
        images: Tensor,
        noisy: Tensor,
        times: Tensor,
        target: Tensor,
        *prompts: Tensor,
        factor: Tensor | None,
        gamma: float,
    ) -> Tensor:
        """The mean loss of some images of a batch; with a learned variance the hybrid one, its bound unweighted."""
        if gamma:
            weights = forward_process.min_snr(self.schedule.alphas_cumprod_at(times), gamma).view(-1, 1, 1, 1)
            factor = weights if factor is None else weights * factor
        with devices.autocast(self.device, self.dtype):
            output = self.network(noisy, times, *prompts).sample
        loss = forward_process.noise_loss(forward_process.predicted_of(output, self.channels), target, factor)
        return loss if self.bound is None else loss + self.bound.loss(output, images, noisy, times)

    def _noise(
        self, draws: prefetch.Draws, guidance_map: Tensor | None, refinement: Refinement | None
    ) -> forward_process.Noise:
        """The noise of this step: eps, equal in all variants, and what the variant makes of it."""
        noise = draws["noise"]
        if refinement is None:
            return forward_process.Noise(noise, noise)
        if refinement.gamma:
            return forward_process.perturb(noise, draws["other_noise"], refinement.gamma)
        return forward_process.steer(noise, guidance_map, refinement.forward, refinement.forward_weight)

    def _normal(self, shape: tuple[int, ...], purpose: random_streams.Purpose, step: int) -> Tensor:
        return torch.randn(shape, generator=random_streams.stream(self.seed, purpose, step))

    def _modulated(self, guidance_map: Tensor | None, refinement: Refinement | None) -> AbstractContextManager[None]:
        """The variant's reverse process, as a context of the forward pass."""
        if refinement is None:
            return nullcontext()
        weight, process, layers = refinement.reverse_weight, refinement.reverse, refinement.layers
        return attention_modulation.modulated(self.network, guidance_map, weight, process, layers, self.projectors)

    @contextmanager
    def ema_weights(self) -> Iterator[nn.Module]:
        """The network with its EMA weights, for evaluation, until the block ends; nothing is copied."""
        self._swap()
        self.network.eval()
        try:
            yield self.network
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, parameter in self.parameters.items():
            parameter.data, self.ema[name] = self.ema[name], parameter.data

    # -- what is kept --------------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """All that the next update depends on, by name."""
        state = training_state.grouped("weights", self.parameters) | training_state.grouped("ema", self.ema)
        return state | training_state.moments(self.parameters.items(), self.optimiser)

    def restore(self, tensors: dict[str, Tensor], step: int) -> None:
        """Takes over what `tensors` returned after update number `step`.

        Raises:
            InputError: the tensors belong to another network.
        """
        own = {name: tuple(value.shape) for name, value in self.parameters.items()}
        weights = training_state.of_group("weights", tensors)
        given = {name: tuple(value.shape) for name, value in weights.items()}
        if own != given:
            name = next(name for name in sorted(own.keys() | given.keys()) if own.get(name) != given.get(name))
            raise InputError(
                f"training state does not fit the network: {name} is {given.get(name)}, {own.get(name)} needed"
            )
        self.step = step
        for name, parameter in self.parameters.items():
            parameter.data.copy_(weights[name])
            self.ema[name].copy_(tensors[f"ema/{name}"])
        training_state.restore_moments(self.parameters.items(), self.optimiser, tensors)
