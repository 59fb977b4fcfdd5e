"""Refinement phase of one variant: goes on from the fork, steered by the map of its own flaws."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from selfrefine import files, guidance, highlighter, networks, runtime, training
from selfrefine.diffusion import ForwardProcess
from selfrefine.errors import InputError
from selfrefine.guidance import Refinement
from selfrefine.modulation import ReverseProcess
from selfrefine.runtime import Job, main
from selfrefine.trainer import Settings, Trainer


@dataclass(frozen=True)
class Config:
    """See params.yaml, train_refined and the rows of `variants`."""

    names: dict[str, str]
    device: str
    precision: str
    map_steps: int
    steps: int
    forward: ForwardProcess
    forward_weight: float
    reverse: ReverseProcess
    reverse_weight: float
    cycle: int
    map_images: int
    checkpoint_every: int
    log_every: int


@dataclass(frozen=True)
class Inputs:
    """Packed training images, the base model, its training state, the highlighter."""

    images: Path
    base: Path
    state: Path
    highlighter: Path


@dataclass(frozen=True)
class Outputs:
    """Diffusers folder of the EMA weights, loss curve, the maps (K, H, W) float32 and a row about each."""

    pipeline: Path
    loss: Path
    maps: Path
    refreshes: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains `steps` further updates with the map of the variant."""
    config, seed = job.config, int(job.config.names["seed"])
    images = files.read_images(job.inputs.images)
    with job.scratch() as scratch, runtime.device(config.device) as device:
        dtype = runtime.precision(config.precision, device)
        pipeline = networks.load(job.inputs.base, device)
        tensors, settings, fork = read_state(job.inputs.state)
        trainer = Trainer(pipeline.unet, pipeline.scheduler.alphas_cumprod, images, settings, seed=seed, dtype=dtype)
        trainer.restore(tensors, fork)
        refinement = Refinement(
            config.forward,
            config.forward_weight,
            config.reverse,
            config.reverse_weight,
            config.cycle,
            config.map_images,
            config.map_steps,
        )
        critic = highlighter.load(job.inputs.highlighter, device)

        def refresh(network: nn.Module, number: int) -> Tensor:
            return guidance.flaw_map(
                network,
                trainer.alphas_cumprod,
                critic,
                refinement,
                seed=seed,
                refresh=number,
                size=images.shape[1],
                dtype=dtype,
            )

        phase = training.run_phase(
            trainer,
            scratch,
            label=job.label,
            first_step=fork,
            last_step=fork + config.steps,
            checkpoint_every=config.checkpoint_every,
            log_every=config.log_every,
            refinement=refinement,
            refresh=refresh,
        )
        files.write_table(job.outputs.loss, pd.DataFrame(training.log_columns(trainer)))
        write_maps(job.outputs, phase, images.shape[1])
        with trainer.ema_weights():
            networks.save(pipeline, job.outputs.pipeline)


def read_state(path: Path) -> tuple[dict[str, Tensor], Settings, int]:
    """What the base phase left: tensors, how it trained, its number of updates.

    Raises:
        InputError: another file.
    """
    tensors, metadata = files.read_tensors(path)
    if not {"settings", "step"} <= metadata.keys():
        raise InputError(f"{path}: not the training state of a base phase; train_base makes one")
    return tensors, Settings(**metadata["settings"]), metadata["step"]


def write_maps(outputs: Outputs, phase: training.Phase, size: int) -> None:
    """Writes the maps and, for each, the step before which it was made, its mean and its standard deviation."""
    maps = torch.stack(phase.maps).cpu().numpy() if phase.maps else np.zeros((0, size, size), np.float32)
    table = {"step": phase.refreshed_at, "mean": maps.mean(axis=(1, 2)), "std": maps.std(axis=(1, 2))}
    files.write_array(outputs.maps, maps)
    files.write_table(outputs.refreshes, pd.DataFrame(table))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
