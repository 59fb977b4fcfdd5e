"""All figures of inpainted images: every mask and variant of one model, by image, their means and differences."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine.core import arrays, devices, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.metrics import feature_sets, features, generation, intervals, perceptual, similarity
from selfrefine.metrics.generation import ImageSet
from selfrefine.metrics.intervals import Estimate

COMPOSITED, RAW = "composited", "raw"  # with the known pixels pasted back; as the network made them
PIXELS, PERCEPTUAL = "pixels", "alexnet_lpips"  # in the column `network` of figures that no feature space has
DIFFERENCE, LOG_DIFFERENCE = "_difference", "fd_test_log_difference"


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_inpainting; `masks` and `variants` are what was inpainted."""

    names: dict[str, str]
    device: str
    masks: tuple[str, ...]
    variants: tuple[str, ...]
    reference: str
    networks: tuple[str, ...]
    lpips_size: int
    batch_size: int


@dataclass(frozen=True)
class Inputs:
    """Of each mask, then each variant, the three files of inpaint_images; test images; weights, each in a folder of its
    network's name."""

    images: tuple[Path, ...]
    raw: tuple[Path, ...]
    masks: tuple[Path, ...]
    photographs: Path
    weights: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Tidy table; one line for each inpainted image."""

    metrics: Path
    by_image: Path


@dataclass(frozen=True)
class Result:
    """The images of a mask and a variant: pasted or not, what was measured of each, and their features by network."""

    mask: str
    variant: str
    pixels: str
    figures: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    sha256: str


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures all results, and their differences to the reference."""
    config, inputs = job.config, job.inputs
    if config.reference not in config.variants:
        raise InputError(
            f"params.yaml: shared.reference is {config.reference!r}, but inpainted were {', '.join(config.variants)}"
        )
    weights = {path.parent.name: path for path in inputs.weights}
    with devices.device(config.device) as device:
        measure = Measure(config, weights, device, job.label)
        real = measure.features(arrays.read_images(inputs.photographs)[: len(arrays.read_images(inputs.images[0]))])
        results = list(_results(job, measure))
    own = {"dataset": config.names["dataset"], "model": config.names["model"]}
    lines = [
        {
            **own,
            "mask": result.mask,
            "variant": result.variant,
            "pixels": result.pixels,
            "seed": int(config.names["seed"]),
            "metric": metric,
            **vars(estimate),
            "n_images": len(result.figures["psnr"]),
            "n_reference": len(result.figures["psnr"]),
            "n_features": result.features[network].shape[1] if network in result.features else None,
            "network": network,
            "sha256": result.sha256,
        }
        for result in results
        for network, metric, estimate in _estimates(result, _reference(result, results, config.reference), real)
    ]
    files.write_table(job.outputs.by_image, pd.concat([_by_image(result) for result in results], ignore_index=True))
    files.write_table(job.outputs.metrics, pd.DataFrame(lines))


class Measure:
    """The networks that measure, built once."""

    def __init__(self, config: Config, weights: dict[str, Path], device: torch.device, label: str) -> None:
        if "alexnet" not in weights:
            raise InputError(f"LPIPS needs the weights alexnet; given: {', '.join(weights) or 'none'}")
        self.batch_size, self.device, self.label = config.batch_size, device, label
        self.perceptual = perceptual.Perceptual(weights["alexnet"], device, config.lpips_size)
        self.extractors = {name: features.extractor(name, weights) for name in config.networks}

    def figures(self, images: np.ndarray, photographs: np.ndarray) -> dict[str, np.ndarray]:
        """Metric -> figure of each image, (N,)."""
        return {
            "psnr": similarity.psnr(images, photographs),
            "ssim": similarity.ssim(images, photographs),
            **self.perceptual.of_stored(images, photographs, self.batch_size),
        }

    def features(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Feature network -> (N, D) float64."""
        return {
            name: features.extract(
                model, images, batch_size=self.batch_size, device=self.device, label=f"{self.label} {name}"
            ).astype(np.float64)
            for name, model in self.extractors.items()
        }


def _results(job: Job[Config, Inputs, Outputs], measure: Measure) -> Iterator[Result]:
    """Yields what was measured, by mask, variant, pasted or not."""
    config, inputs = job.config, job.inputs
    rows = [(mask, variant) for mask in config.masks for variant in config.variants]
    for (mask, variant), pasted, raw, known in zip(rows, inputs.images, inputs.raw, inputs.masks, strict=True):
        hole = 1.0 - arrays.read_array(known).reshape(len(arrays.read_array(known)), -1).mean(axis=1) / 255.0
        for kind, path in ((COMPOSITED, pasted), (RAW, raw)):
            images = arrays.read_images(path)
            photographs = arrays.read_images(inputs.photographs)[: len(images)]
            if images.shape != photographs.shape:
                raise InputError(f"{path}: {images.shape} given, {photographs.shape} needed as the test images have")
            found = measure.features(images)
            figures = measure.figures(images, photographs) | {"hole": hole}
            yield Result(mask, variant, kind, figures, found, feature_sets.digest([np.asarray(images)]))


def _reference(result: Result, results: list[Result], reference: str) -> Result | None:
    """The result of the reference with the same masks; none of the reference itself."""
    if result.variant == reference:
        return None
    return next(r for r in results if (r.variant, r.mask, r.pixels) == (reference, result.mask, result.pixels))


def _estimates(
    result: Result, other: Result | None, real: dict[str, np.ndarray]
) -> Iterator[tuple[str, str, Estimate]]:
    """Yields (network, metric, estimate): means, paired differences, FD to the photographs and its log difference."""
    for metric in perceptual.HIGHER_IS_BETTER:
        network, values = PERCEPTUAL if metric.startswith("lpips") else PIXELS, result.figures[metric]
        yield network, metric, intervals.mean_interval(values)
        if other is not None:
            yield network, metric + DIFFERENCE, intervals.mean_interval(values - other.figures[metric])
    for network, found in result.features.items():
        sample, test = ImageSet(found, 1), ImageSet(real[network], 1)
        yield network, "fd_test", generation.distance(sample, test)
        if other is not None:
            yield network, LOG_DIFFERENCE, generation.log_difference(sample, ImageSet(other.features[network], 1), test)


def _by_image(result: Result) -> pd.DataFrame:
    """A line for each image: mask, variant, pasted or not, share of unknown pixels, figures."""
    names = {"mask": result.mask, "variant": result.variant, "pixels": result.pixels}
    figures = {name: result.figures[name] for name in ("hole", *perceptual.HIGHER_IS_BETTER)}
    return pd.DataFrame(names | {"image": np.arange(len(figures["hole"]))} | figures)


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
