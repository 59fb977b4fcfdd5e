"""Plain training in a loop of its own, by diffusers' `add_noise` and `get_velocity`: of ours only what a step draws."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from torch import Tensor
from torch.nn import functional

from selfrefine.core import devices, random_streams
from selfrefine.diffusion import learned_variance
from selfrefine.library.conditions import told_of
from selfrefine.library.refine import WARMUP_STEPS, settings
from selfrefine.library.subject import Subject
from selfrefine.training.trainer import Trainer

SAME = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "rescale_betas_zero_snr")
BATCH = 8


def positional(network: Any, noisy: Tensor, times: Tensor, *prompts: Tensor) -> Any:
    """How most networks of diffusers are called."""
    return network(noisy, times, *prompts)


def masked(network: Any, noisy: Tensor, times: Tensor, prompts: Tensor) -> Any:
    """How PixArt's pipelines call theirs; the mask is the last channel of what a step draws."""
    return network(
        noisy,
        encoder_hidden_states=prompts[..., :-1].contiguous(),
        encoder_attention_mask=prompts[..., -1].long(),
        timestep=times,
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
    )


def train(
    subject: Subject,
    images: np.ndarray,
    conditions: Any,
    given: dict[str, Any],
    folder: Path,
    call: Callable[..., Any] = positional,
) -> dict[str, Tensor]:
    """Trains the weights of the pipeline's network that ask for it in place; returns their average.

    Args:
        subject: the pipeline.
        images, conditions: what it is trained on.
        given: steps, learning_rate, ema_decay and seed as `library.refine` takes them.
        folder: for what is encoded.
        call: of the network.
    """
    told = told_of(subject, conditions, folder)
    how = settings(given["steps"], BATCH, given["learning_rate"], 0.0, False, told.dropout)
    drawing = {"seed": given["seed"], "dtype": subject.dtype, "captions": told.captions}
    drawn = Trainer(subject.network, subject.schedule, subject.training_set(images, folder), how, **drawing)
    network, config = getattr(subject.pipeline, subject.kind.network), subject.pipeline.scheduler.config
    scheduler = DDPMScheduler(**{key: config[key] for key in SAME if key in config})
    trained = {name: value for name, value in network.named_parameters() if value.requires_grad}
    average = {name: value.detach().clone() for name, value in trained.items()}
    optimiser = torch.optim.AdamW(trained.values(), lr=1.0, weight_decay=0.0, fused=True)
    network.train()
    for step in range(given["steps"]):
        found = drawn.draws(step)
        images_, times, noise = found["images"], found["times"], found["noise"]
        noisy = scheduler.add_noise(images_, noise, times)
        target = {"epsilon": noise, "v_prediction": scheduler.get_velocity(images_, noise, times), "sample": images_}
        torch.manual_seed(random_streams.stream_seed(given["seed"], "dropout", step))
        with devices.training_attention(torch.device("cpu")):
            with devices.autocast(torch.device("cpu"), subject.dtype):
                output = call(network, noisy, times, *([found["prompts"]] if "prompts" in found else [])).sample.float()
            loss = functional.mse_loss(output[:, : noisy.shape[1]], target[config.prediction_type])
            if subject.schedule.learned_variance:
                loss = loss + learned_variance.Bound(subject.schedule).loss(output, images_, noisy, times)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(trained.values(), 1.0)
        optimiser.param_groups[0]["lr"] = given["learning_rate"] * ((step + 1) / WARMUP_STEPS)
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():
            for name, value in trained.items():
                average[name].lerp_(value, 1.0 - min(given["ema_decay"], (1 + step) / (10 + step)))
    return average
