"""How well each highlighter tells images that it never saw, what it may go by, and whether it finds planted flaws."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine.core import arrays, devices, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import as_trained
from selfrefine.core.names import FAKE_SPLICE, FLAW
from selfrefine.evidence import planted_flaws, planted_maps, planted_sizes, pointing_game, shortcut_baseline
from selfrefine.evidence.planted_flaws import Patch
from selfrefine.highlighter import model as highlighter_model
from selfrefine.highlighter.data import Batch, Part, RealsAndFakes, fakes_of_draw
from selfrefine.highlighter.gradcam import CELL, explain, explained_cells
from selfrefine.highlighter.model import FAKE, REAL, Highlighter
from selfrefine.metrics import classification
from selfrefine.metrics.intervals import Estimate

CHUNK = 64  # images held together: how many there are takes no memory
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
    planted_shares: tuple[float, ...]


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
            data = RealsAndFakes(real, fakes_of_draw(fake, model.draw, config.n_fakes), seed, model.draw)
            found = [scores(model, data, dtype, seed)]
            if row == FLAW:
                found += [shortcut(model, data, seed), *places(models, data, dtype)]
                figures, planted = plant(job, model, data, dtype)
                found.append(figures)
                examples = generated(model, data, dtype, config.n_examples) | planted
                tell_guessing(job.label, found[0][0]["roc_auc"])
            rows += _lines(config, row, paths[row], found)
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))
    arrays.write_arrays(job.outputs.examples, examples)


def tell_guessing(label: str, roc_auc: Estimate) -> None:
    """Says that the highlighter behind the maps may know nothing, if its score does not rule that out."""
    if classification.guesses(roc_auc):
        interval = f" [{roc_auc.low:.3f}, {roc_auc.high:.3f}]" if math.isfinite(roc_auc.low) else ""
        print(
            f"{label}: {FLAW} is not shown to tell generated images from real ones: ROC-AUC {roc_auc.value:.3f}"
            f"{interval}, where {classification.GUESSING} is guessing: its maps may show nothing",
            flush=True,
        )


def scores(model: Highlighter, data: RealsAndFakes, dtype: torch.dtype, seed: int) -> Found:
    """How well it tells the images of its test part."""

    def p_real(label: int) -> np.ndarray:
        batches = data.pieces("test", label, CHUNK)
        logits = [highlighter_model.classify(model, batch.images, batch.streams, dtype) for batch in batches]
        return torch.cat(logits).cpu().double().softmax(dim=1)[:, REAL].numpy()

    real, fake = p_real(REAL), p_real(FAKE)
    return classification.measure(real, fake, seed), len(real) + len(fake)


def shortcut(model: Highlighter, data: RealsAndFakes, seed: int) -> Found:
    """How well three numbers of an image do, of the pixels as stored and as the highlighter sees them."""

    def seen(batch: Batch) -> np.ndarray:
        return model.levels(pixels.to_float(batch.images).to(model.mean.device), batch.streams).cpu().numpy()

    def stored(batch: Batch) -> np.ndarray:
        return np.moveaxis(batch.images, 3, 1)

    def images(part: Part, levels: Callable[[Batch], np.ndarray]) -> shortcut_baseline.Images:
        found = [
            (shortcut_baseline.features(levels(batch)), batch.labels.numpy())
            for label in (REAL, FAKE)
            for batch in data.pieces(part, label, CHUNK)
        ]
        return shortcut_baseline.Images(*map(np.concatenate, zip(*found, strict=True)))

    parts = {name: (images("train", of), images("test", of)) for name, of in (("stored", stored), ("seen", seen))}
    figures = {f"shortcut_auc_{name}": shortcut_baseline.roc_auc(*both, seed) for name, both in parts.items()}
    return figures, len(parts["stored"][1].labels)


def places(models: Mapping[str, Highlighter], data: RealsAndFakes, dtype: torch.dtype) -> Iterator[Found]:
    """How much of the maps of generated images lies on the background, and what the guard changes in them."""
    shares, alike = [], []
    for batch in data.pieces("test", FAKE, CHUNK):
        maps = explain(models[FLAW], batch.images, batch.streams, dtype)
        shares.append(shortcut_baseline.on_background(maps, batch.images))
        if UNGUARDED in models:  # of the same draw, so that it has seen none of these images, either
            others = explain(models[UNGUARDED], batch.images, batch.streams, dtype)
            alike.append(shortcut_baseline.correlations(maps, others))
    found = np.concatenate(shares)
    yield shortcut_baseline.background(found), len(found)
    if alike:
        yield {"guard_correlation": shortcut_baseline.agreement(np.concatenate(alike))}, len(found)


def generated(model: Highlighter, data: RealsAndFakes, dtype: torch.dtype, count: int) -> dict[str, np.ndarray]:
    """The first fakes of the test part, their maps and the cells of these."""
    first, again = (next(data.pieces("test", FAKE, count)) for _ in range(2))  # a stream of dither serves once
    maps = explain(model, first.images, first.streams, dtype)
    return {"images": first.images, "maps": maps, "cells": explained_cells(model, again.images, again.streams, dtype)}


def plant(
    job: Job[Config, Inputs, Outputs], model: Highlighter, data: RealsAndFakes, dtype: torch.dtype
) -> tuple[Found, dict[str, np.ndarray]]:
    """Whether the maps point at planted flaws, of which size; first fake splices, the cells of their maps, masks."""
    config, seed, count = job.config, int(job.config.names["seed"]), job.config.n_planted
    ground, side = arrays.read_images(job.inputs.test), model.input_size // CELL
    if len(ground) < count:
        raise InputError(
            f"{job.inputs.test} holds {len(ground)} images; lower evaluate_highlighter.n_planted in params.yaml, "
            f"now {count}"
        )
    patch = Patch(config.patch_share, config.patch_feather, config.patch_blur, config.patch_noise, config.patch_warp)
    given = ground[:count], next(data.pieces("test", FAKE, count)).images
    figures = pointing_game.measure(*planted_maps.evidence(model, *given, patch, seed, dtype), side)
    for share in config.planted_shares:
        sized = planted_maps.evidence(model, *given, replace(patch, share=share), seed, dtype)
        figures |= planted_sizes.measure(share, *sized, side)
    first = np.arange(min(config.n_examples, count))
    shown = planted_maps.plant(*given, patch, seed, first)
    splices, streams = shown.images[FAKE_SPLICE], planted_flaws.dither_streams(first, seed)
    examples = {"images": splices, "cells": explained_cells(model, splices, streams, dtype), "masks": shown.masks}
    return (figures, count), {f"planted_{name}": array for name, array in examples.items()}


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
