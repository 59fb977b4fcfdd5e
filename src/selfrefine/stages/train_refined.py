"""Refinement phase of one variant: goes on from the fork, steered by the map of its own flaws."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from torch import Tensor

from selfrefine import networks
from selfrefine.core import arrays, devices, execution, files
from selfrefine.core.errors import InputError
from selfrefine.core.execution import Choice
from selfrefine.core.job import Job, main
from selfrefine.diffusion import autoencoder, noise_schedule, prompts
from selfrefine.diffusion.forward_process import ForwardProcess
from selfrefine.guidance import attention_modulation, control_maps, map_history
from selfrefine.guidance.map_history import MapHistory, Row
from selfrefine.guidance.map_refresh import Guide, MapRecipe
from selfrefine.guidance.refinement import Refinement
from selfrefine.highlighter import model
from selfrefine.highlighter.gradcam import Cam, CamPreparation, CamTap, CamTarget
from selfrefine.training import loop
from selfrefine.training.settings import Settings
from selfrefine.training.trainer import Trainer


@dataclass(frozen=True)
class Config:
    """See params.yaml, train_refined and the rows of `variants`."""

    names: dict[str, str]
    device: str
    precision: str
    channels_last: Choice
    compile: Choice
    map_steps: int
    steps: int
    extra_steps: float
    forward: ForwardProcess
    forward_weight: float
    gamma: float
    min_snr_gamma: float
    trained_on: Literal["photographs", "own_samples"]
    reverse: attention_modulation.ReverseProcess
    reverse_weight: float
    projection: attention_modulation.Projection
    layers: attention_modulation.Layers
    map: control_maps.GuidanceMap
    match: bool
    cycle: int
    map_images: int
    cam_target: CamTarget
    cam_tap: CamTap
    cam_preparation: CamPreparation
    checkpoint_every: int
    log_every: int

    def updates(self) -> int:
        """Updates of the phase.

        # Not in paper: a share of the phase is added, because every model has its own length.
        """
        return self.steps + round(self.extra_steps * self.steps)

    def refinement(self) -> Refinement:
        """How an update uses the map."""
        return Refinement(
            forward=self.forward,
            forward_weight=self.forward_weight,
            reverse=self.reverse,
            reverse_weight=self.reverse_weight,
            cycle=self.cycle,
            gamma=self.gamma,
            projection=self.projection,
            layers=self.layers,
            min_snr_gamma=self.min_snr_gamma,
        )

    def recipe(self) -> MapRecipe:
        """What a refresh makes the map of."""
        cam = Cam(self.cam_target, self.cam_tap, self.cam_preparation)
        return MapRecipe(self.map_images, self.map_steps, self.map, self.match, cam)


@dataclass(frozen=True)
class Inputs:
    """Packed training images and, of a latent family, their latents, of text-to-image their embedded captions; the base
    model, its training state, the highlighter of the mFAM, that of the map; the base model's own samples, where they
    are what is learned from.
    """

    images: Path
    latents: tuple[Path, ...]
    captions: tuple[Path, ...]
    base: Path
    state: Path
    flaw_highlighter: Path
    highlighter: Path
    fakes: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Diffusers folder of the EMA weights, loss curve; of the refreshes that are kept the maps used and the mFAMs,
    (k, H, W) float32; the mean of the maps used over all refreshes, (1, H, W); a row about each.
    """

    pipeline: Path
    loss: Path
    maps: Path
    mfams: Path
    mean_map: Path
    refreshes: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Trains `steps` further updates with the map of the variant."""
    config, seed = job.config, int(job.config.names["seed"])
    images = arrays.read_images(job.inputs.images)
    with job.scratch() as scratch, devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        pipeline = networks.load(job.inputs.base, device)
        execution.prepare(pipeline.unet, device, config, config.updates())
        tensors, settings, fork = read_state(job.inputs.state)
        stage = autoencoder.of(pipeline)
        data = autoencoder.training_set(stage, learned_from(config, job.inputs, images), job.inputs.latents)
        captions = prompts.read(pipeline.unet, job.inputs.captions, len(images))
        trainer = Trainer(
            pipeline.unet, noise_schedule.of(pipeline), data, settings, seed=seed, dtype=dtype, captions=captions
        )
        trainer.restore(tensors, fork)
        refinement = config.refinement()
        trainer.add_projectors(
            attention_modulation.build_projectors(pipeline.unet, refinement.projection, refinement.layers, seed)
        )
        guide = Guide(
            config.recipe(),
            trainer.schedule,
            model.load(job.inputs.flaw_highlighter, device),
            images,
            seed=seed,
            dtype=dtype,
            horizontal_flip=settings.horizontal_flip,
            other=model.load(job.inputs.highlighter, device) if config.map == "label_shuffled" else None,
            codec=stage,
            captions=captions,
        )
        history = MapHistory(guide)
        loop.run_phase(
            trainer,
            scratch,
            label=job.label,
            first_step=fork,
            last_step=fork + config.updates(),
            checkpoint_every=config.checkpoint_every,
            log_every=config.log_every,
            refinement=refinement,
            refresh=history,
        )
        if doubt := map_history.doubt(history.rows, config.map):
            print(f"{job.label}: {doubt}", flush=True)
        files.write_table(job.outputs.loss, pd.DataFrame(loop.log_columns(trainer)))
        write_maps(job.outputs, history, images.shape[1])
        with trainer.ema_weights():
            networks.save(pipeline, job.outputs.pipeline)


def learned_from(config: Config, inputs: Inputs, photographs: np.ndarray) -> np.ndarray:
    """The images that updates draw from, packed (N, H, W, 3) uint8: the photographs, or the base model's own samples.

    # Not in paper. Own samples make the copy that negative guidance needs (`guidance.guide_network`).

    Raises:
        InputError: own samples asked for, and none given.
    """
    if config.trained_on == "photographs":
        return photographs
    if len(inputs.fakes) != 1:
        raise InputError(
            "params.yaml: train_refined.trained_on is own_samples, but no samples of generate_fakes are given"
        )
    return arrays.read_images(inputs.fakes[0])


def read_state(path: Path) -> tuple[dict[str, Tensor], Settings, int]:
    """What the base phase left: tensors, how it trained, its number of updates.

    Raises:
        InputError: another file.
    """
    tensors, metadata = arrays.read_tensors(path)
    if not {"settings", "step"} <= metadata.keys():
        raise InputError(f"{path}: not the training state of a base phase; train_base makes one")
    settings = metadata["settings"] | {"betas": tuple(metadata["settings"]["betas"])}  # JSON knows no tuples
    return tensors, Settings(**settings), metadata["step"]


def write_maps(outputs: Outputs, history: MapHistory, size: int) -> None:
    """Writes what is kept of the maps; in the table `kept` says whose maps those are."""
    mfams, used = history.stack(size)
    for path, maps in ((outputs.maps, used), (outputs.mfams, mfams), (outputs.mean_map, history.mean(size))):
        arrays.write_array(path, maps.numpy())
    table = pd.DataFrame(history.rows, columns=Row._fields)
    files.write_table(outputs.refreshes, table.assign(kept=table.index.isin(history.kept).astype(int)))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
