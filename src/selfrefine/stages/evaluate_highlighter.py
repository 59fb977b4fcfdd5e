"""How well each highlighter tells images that it never saw, what it may go by, and whether it finds planted flaws."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine.core import arrays, devices, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import as_trained
from selfrefine.core.names import FAKE_SPLICE, FLAW, KINDS
from selfrefine.evidence import planted_flaws, pointing_game, shortcut_baseline
from selfrefine.evidence.planted_flaws import Patch
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.data import Batch, RealsAndFakes, fakes_of_draw
from selfrefine.highlighter.gradcam import CELL, explain
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.metrics import classification
from selfrefine.metrics.intervals import Estimate

UNGUARDED = "unguarded"  # the row like FLAW, but without shortcut guard
Found = tuple[dict[str, Estimate], int]  # figures, and of how many images


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_highlighter; `highlighters` are the selected ones, in the order of the inputs."""

    names: dict[str, str]
    device: str
    precision: str
    highlighters: tuple[str, ...]
    n_fakes: int
    horizontal_flip: bool
    n_examples: int
    n_planted: int
    patch_share: float
    patch_feather: float
    patch_blur: float
    patch_noise: float
    patch_warp: float


@dataclass(frozen=True)
class Inputs:
    """Training images, generated images, real test images, the highlighters."""

    real: Path
    fake: Path
    test: Path
    highlighters: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Tidy table, `variant` the highlighter; generated test images and fake splices with their flaw maps."""

    metrics: Path
    examples: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Measures every highlighter, and of that behind the maps what its maps show."""
    config, seed = job.config, int(job.config.names["seed"])
    paths = dict(zip(config.highlighters, job.inputs.highlighters, strict=True))
    if FLAW not in paths:
        raise InputError(f"params.yaml: select.highlighters has {', '.join(paths) or 'none'}; {FLAW} needed")
    real = as_trained(arrays.read_images(job.inputs.real), config.horizontal_flip)
    fake = arrays.read_images(job.inputs.fake)
    rows = []
    with devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        models = {row: highlighter_model.load(path, device) for row, path in paths.items()}
        for row, model in models.items():
            fakes = fakes_of_draw(fake, model.draw, config.n_fakes)
            data = RealsAndFakes(real, fakes, seed, model.draw)
            found = [scores(model, data.part("test"), dtype, seed)]
            if row == FLAW:
                maps = explain(model, data.part("test").of(FAKE).images, data.part("test").of(FAKE).streams, dtype)
                found += [shortcut(model, data, seed), *places(models, maps, data, dtype)]
                figures, planted = plant(job, model, data, dtype)
                found.append(figures)
                generated = {"images": data.part("test").of(FAKE).images, "maps": maps}
                examples = {name: array[: config.n_examples] for name, array in (generated | planted).items()}
            rows += _lines(config, row, paths[row], found)
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))
    arrays.write_arrays(job.outputs.examples, examples)


def scores(model: Highlighter, test: Batch, dtype: torch.dtype, seed: int) -> Found:
    """How well it tells the images of its test part."""
    logits = highlighter_model.classify(model, test.images, test.streams, dtype)
    p_real, is_real = logits.cpu().double().softmax(dim=1)[:, REAL].numpy(), test.labels.numpy() == REAL
    return classification.measure(p_real[is_real], p_real[~is_real], seed), len(p_real)


def shortcut(model: Highlighter, data: RealsAndFakes, seed: int) -> Found:
    """How well three numbers of an image do, of the pixels as stored and as the highlighter sees them."""

    def seen(batch: Batch) -> shortcut_baseline.Images:
        return shortcut_baseline.Images(
            model.levels(pixels.to_float(batch.images), batch.streams).numpy(), batch.labels.numpy()
        )

    def stored(batch: Batch) -> shortcut_baseline.Images:
        return shortcut_baseline.Images(np.moveaxis(batch.images, 3, 1), batch.labels.numpy())

    kinds = {"stored": stored, "seen": seen}
    figures = {
        f"shortcut_auc_{name}": shortcut_baseline.roc_auc(of(data.part("train")), of(data.part("test")), seed)
        for name, of in kinds.items()
    }
    return figures, len(data.part("test").images)


def places(
    models: Mapping[str, Highlighter], maps: np.ndarray, data: RealsAndFakes, dtype: torch.dtype
) -> Iterator[Found]:
    """How much of the maps of generated images lies on the background, and what the guard changes in them."""
    fakes = data.part("test").of(FAKE)
    yield shortcut_baseline.background(maps, fakes.images), len(maps)
    if UNGUARDED in models:  # of the same draw, so that it has seen none of these images, either
        others = explain(models[UNGUARDED], fakes.images, fakes.streams, dtype)
        yield {"guard_correlation": shortcut_baseline.agreement(maps, others)}, len(maps)


def plant(
    job: Job[Config, Inputs, Outputs], model: Highlighter, data: RealsAndFakes, dtype: torch.dtype
) -> tuple[Found, dict[str, np.ndarray]]:
    """Whether the maps point at planted flaws; and the fake splices themselves, their maps and masks."""
    config, seed, count = job.config, int(job.config.names["seed"]), job.config.n_planted
    ground = arrays.read_images(job.inputs.test)
    if len(ground) < count:
        raise InputError(
            f"{job.inputs.test} holds {len(ground)} images; lower evaluate_highlighter.n_planted in params.yaml, "
            f"now {count}"
        )
    patch = Patch(config.patch_share, config.patch_feather, config.patch_blur, config.patch_noise, config.patch_warp)
    planted = planted_flaws.plant(ground[:count], data.part("test").of(FAKE).images, patch, seed)
    streams = {kind: planted_flaws.dither_streams(count, seed) for kind in KINDS}
    maps = {kind: explain(model, planted.images[kind], streams[kind], dtype) for kind in KINDS}
    figures = pointing_game.measure(maps, planted.masks, model.input_size // CELL)
    shown = {"images": planted.images[FAKE_SPLICE], "maps": maps[FAKE_SPLICE], "masks": planted.masks}
    return (figures, count), {f"planted_{name}": array for name, array in shown.items()}


def _lines(config: Config, row: str, path: Path, found: list[Found]) -> list[dict[str, object]]:
    names, sha256 = {name: config.names[name] for name in ("dataset", "model")}, files.sha256(path)
    return [
        {
            **names,
            "variant": row,
            "seed": int(config.names["seed"]),
            "metric": metric,
            **vars(estimate),
            "n_images": n_images,
            "network": "highlighter",
            "sha256": sha256,
        }
        for figures, n_images in found
        for metric, estimate in figures.items()
    ]


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
