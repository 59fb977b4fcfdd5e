"""Read-outs of every variant with more power than FD: mechanism and place where the map points, and a critic."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine import networks
from selfrefine.core import arrays, devices, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import as_trained
from selfrefine.core.names import CRITIC
from selfrefine.core.progress import Progress
from selfrefine.diffusion import autoencoder, noise_schedule
from selfrefine.evidence import probes
from selfrefine.highlighter import model
from selfrefine.metrics.intervals import Estimate

SLOPE, PLACE, CRITIC_LOGIT = "mechanism_slope", "place_log_ratio", "critic_logit"
NETWORKS = {SLOPE: "diffusion", PLACE: "vgg16_conv2_2", CRITIC_LOGIT: "highlighter"}
Readout = tuple[str, str, Estimate, Path]  # variant, metric, figure, what was measured


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_readouts; `variants` are the selected ones, in the order of the inputs."""

    names: dict[str, str]
    device: str
    precision: str
    variants: tuple[str, ...]
    reference: str
    map_of: str
    first_timestep: int
    last_timestep: int
    mechanism_images: int
    input_size: int
    n_images: int
    horizontal_flip: bool


@dataclass(frozen=True)
class Inputs:
    """Diffusers folder, mean map and samples of each variant; real test images; VGG16's weights; the critic: a
    highlighter that no refinement has used."""

    pipelines: tuple[Path, ...]
    mean_maps: tuple[Path, ...]
    samples: tuple[Path, ...]
    test: Path
    weights: Path
    critic: Path


@dataclass(frozen=True)
class Outputs:
    """Tidy table: one line per variant and read-out, each against the reference."""

    metrics: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures every variant against the reference, all with the map of one of them."""
    config = job.config
    for name, value in (("shared.reference", config.reference), ("shared.map_of", config.map_of)):
        if value not in config.variants:
            raise InputError(f"params.yaml: {name} is {value!r}, but select.variants has {', '.join(config.variants)}")
    guidance_map = mean_map(job.inputs.mean_maps[config.variants.index(config.map_of)])
    names = {"dataset": config.names["dataset"], "model": config.names["model"]}
    with devices.device(config.device) as device:
        found = [
            *mechanism(job, guidance_map, device),
            *places(job, guidance_map, device),
            *criticism(job, device),
        ]
    rows = [
        {
            **names,
            "variant": variant,
            "seed": int(config.names["seed"]),
            "metric": metric,
            **vars(estimate),
            "n_images": config.mechanism_images if metric == SLOPE else config.n_images,
            "network": NETWORKS[metric],
            "sha256": files.sha256(measured),
        }
        for variant, metric, estimate, measured in found
    ]
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))


def mean_map(path: Path) -> np.ndarray:
    """The mean over the refreshes of a phase: what training saw.

    Raises:
        InputError: the variant has no map.
    """
    found = arrays.read_array(path)
    if not len(found):
        raise InputError(f"params.yaml: shared.map_of names a variant without a map ({path} is empty)")
    mean: np.ndarray = found[0]
    return mean


def first_images(path: Path, n: int, leaf: str) -> np.ndarray:
    """Images 0 ... n-1.

    Raises:
        InputError: there are fewer.
    """
    images = arrays.read_images(path)
    if len(images) < n:
        raise InputError(f"{path} holds {len(images)} images; lower evaluate_readouts.{leaf} in params.yaml, now {n}")
    return images[:n]


def mechanism(job: Job[Config, Inputs, Outputs], guidance_map: np.ndarray, device: torch.device) -> Iterator[Readout]:
    """Yields the slope of each variant but the reference."""
    config, seed = job.config, int(job.config.names["seed"])
    images = first_images(job.inputs.test, config.mechanism_images, "mechanism_images")

    def agreement(path: Path) -> np.ndarray:
        pipeline = networks.load(path, device)
        if autoencoder.of(pipeline) is not None:
            raise InputError(
                f"params.yaml: models.{config.names['model']} works on latents, where the mechanism is not read; leave "
                f"the highlighter {CRITIC} out of its only.highlighters"
            )
        schedule, times = noise_schedule.of(pipeline), (config.first_timestep, config.last_timestep)
        return probes.agreement(pipeline.unet.eval(), schedule, images, timesteps=times, seed=seed)

    folders = dict(zip(config.variants, job.inputs.pipelines, strict=True))
    base = agreement(folders.pop(config.reference))
    with Progress(f"{job.label} mechanism", len(folders), unit="variant", items=len(images)) as progress:
        for done, (variant, folder) in enumerate(folders.items(), 1):
            yield variant, SLOPE, probes.slope(agreement(folder), base, guidance_map), folder
            progress.update(done)


def places(job: Job[Config, Inputs, Outputs], guidance_map: np.ndarray, device: torch.device) -> Iterator[Readout]:
    """Yields the contrast of places of each variant but the reference; none (NaN) if the map has no places."""
    config, size = job.config, job.config.input_size
    samples = dict(zip(config.variants, job.inputs.samples, strict=True))
    reference = samples.pop(config.reference)
    chosen = probes.quarters(guidance_map, size // probes.POOLING)
    if chosen is None:
        yield from ((variant, PLACE, probes.NONE, path) for variant, path in samples.items())
        return
    network = probes.load_vgg16(job.inputs.weights, device)

    def features(path: Path, horizontal_flip: bool = False) -> probes.Places:
        images = as_trained(first_images(path, config.n_images, "n_images"), horizontal_flip)
        return probes.features_at(network, images, chosen, size)

    real, base = features(job.inputs.test, config.horizontal_flip), features(reference)
    with Progress(f"{job.label} place", len(samples), unit="variant", items=config.n_images) as progress:
        for done, (variant, path) in enumerate(samples.items(), 1):
            yield variant, PLACE, probes.place(features(path), base, real), path
            progress.update(done)


def criticism(job: Job[Config, Inputs, Outputs], device: torch.device) -> Iterator[Readout]:
    """Yields by how much each variant but the reference looks more like a generated image to the critic."""
    config = job.config
    critic = model.load(job.inputs.critic, device)
    dtype = devices.precision(config.precision, device)

    def logits(path: Path) -> np.ndarray:
        images = first_images(path, config.n_images, "n_images")
        return probes.fake_logits(critic, images, seed=int(config.names["seed"]), dtype=dtype)

    samples = dict(zip(config.variants, job.inputs.samples, strict=True))
    base = logits(samples.pop(config.reference))
    with Progress(f"{job.label} critic", len(samples), unit="variant", items=config.n_images) as progress:
        for done, (variant, path) in enumerate(samples.items(), 1):
            yield variant, CRITIC_LOGIT, probes.mean_difference(logits(path), base), path
            progress.update(done)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
