"""Is the flaw map a flaw map: its correlations with other maps, before any refinement."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selfrefine.core import arrays, devices, files, pixels
from selfrefine.core.job import Job, main
from selfrefine.core.mirrored import as_trained
from selfrefine.core.names import FLAW, REAL_MAP
from selfrefine.evidence import compared_maps, map_correlation
from selfrefine.evidence.compared_maps import FAKES, REALS
from selfrefine.evidence.jackknife_maps import Evidence, MeanMap
from selfrefine.highlighter import model as highlighter_model


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_maps; `highlighters` are the selected ones, in the order of the inputs."""

    names: dict[str, str]
    device: str
    precision: str
    highlighters: tuple[str, ...]
    n_fakes: int
    horizontal_flip: bool
    n_images: int
    map_images: int
    n_examples: int


@dataclass(frozen=True)
class Inputs:
    """Training images, generated images, the highlighters."""

    real: Path
    fake: Path
    highlighters: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Tidy table of the maps' figures; r of each pair of maps; mean maps and a few single ones."""

    metrics: Path
    correlations: Path
    maps: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Makes all maps of the same unseen images and compares them."""
    config = job.config
    compared_maps.check(config.highlighters, len(job.inputs.highlighters))
    fakes = compared_maps.unseen_fakes(arrays.read_images(job.inputs.fake), config.n_images, config.n_fakes)
    evidence, sources = _evidence(job, arrays.read_images(job.inputs.real), fakes)
    names = {name: config.names[name] for name in ("dataset", "model")}
    seed = {"seed": int(config.names["seed"])}
    rows = [
        {**names, "variant": name, **seed, "metric": metric, **vars(estimate)}
        | {"n_images": len(evidence[name]), "network": "highlighter", "sha256": files.sha256(path)}
        for name, path in sources.items()
        for metric, estimate in _figures(evidence[name], config.map_images).items()
    ]
    pairs: list[dict[str, Any]] = []
    for one, other in itertools.combinations(evidence, 2):
        found = map_correlation.correlation(evidence[one], evidence[other])
        n_images = min(len(evidence[name]) for name in (one, other) if evidence[name].source)
        interval = {"r": found.value, "low": found.low, "high": found.high}
        pairs.append({**names, **seed, "one": one, "other": other, **interval, "n_images": n_images})
    files.write_table(job.outputs.metrics, pd.DataFrame(rows))
    files.write_table(job.outputs.correlations, pd.DataFrame(pairs))
    arrays.write_arrays(job.outputs.maps, compared_maps.arrays(evidence, fakes, config.n_examples))


def _evidence(
    job: Job[Config, Inputs, Outputs], real: np.ndarray, fakes: np.ndarray
) -> tuple[dict[str, Evidence], dict[str, Path]]:
    """All maps in the order of the tables; and those that a highlighter made, with its file."""
    config, seed = job.config, int(job.config.names["seed"])
    shown = as_trained(real, config.horizontal_flip)
    images = {FAKES: fakes, REALS: compared_maps.some_reals(shown, config.n_images, seed)}
    cams: dict[str, MeanMap] = {}
    paths = dict(zip(config.highlighters, job.inputs.highlighters, strict=True))
    with devices.device(config.device) as device:
        dtype = devices.precision(config.precision, device)
        for name, path in paths.items():
            model = highlighter_model.load(path, device)
            for row, source in [(name, FAKES), *([(REAL_MAP, REALS)] if name == FLAW else [])]:
                cams[row] = compared_maps.single_maps(
                    model, images[source], source, seed=seed, dtype=dtype, label=f"{job.label} {row}"
                )
            size = model.input_size
    moments = pixels.moments(real, config.horizontal_flip)
    evidence = compared_maps.in_order(cams, compared_maps.without_highlighter(fakes, moments, size))
    return evidence, {name: paths.get(name, paths[FLAW]) for name in evidence if name in cams}


def _figures(evidence: Evidence, map_images: int) -> Mapping[str, Any]:
    """Of the mean map and of the single ones."""
    single = map_correlation.single_figures(evidence, map_images) if isinstance(evidence, MeanMap) else {}
    return map_correlation.map_figures(evidence) | single


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
