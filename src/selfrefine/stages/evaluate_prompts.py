"""Whether the images of a model show what their prompts say: every variant, and real photographs, by image."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from selfrefine.core import arrays, devices, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, main
from selfrefine.core.names import PHOTOGRAPHS
from selfrefine.metrics import feature_sets, prompt_agreement, prompt_classifier
from selfrefine.metrics.clip_score import Clip
from selfrefine.metrics.prompt_agreement import Scores


@dataclass(frozen=True)
class Config:
    """See params.yaml, evaluate_prompts; `variants` are the selected ones, in the order of the samples."""

    names: dict[str, str]
    device: str
    variants: tuple[str, ...]
    reference: str
    clip_folder: str
    batch_size: int


@dataclass(frozen=True)
class Inputs:
    """Samples of each variant; test images and what is known of them; the classifier, or files of the CLIP that stands
    in its place, its config.json first."""

    samples: tuple[Path, ...]
    photographs: Path
    test_items: Path
    classifier: tuple[Path, ...]
    clip: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Tidy table; one line for each image."""

    metrics: Path
    by_image: Path


# Images made from the captions of test images, labels and captions of these -> scores, and the label that a classifier
# gives each image, (N,); NaN of CLIP.
Scorer = Callable[[np.ndarray, np.ndarray, list[str]], tuple[Scores, np.ndarray]]


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Scores all rows, each against the reference."""
    config, inputs = job.config, job.inputs
    if config.reference not in config.variants:
        raise InputError(
            f"params.yaml: shared.reference is {config.reference!r}, but select.variants has "
            f"{', '.join(config.variants)}"
        )
    items = files.read_table(inputs.test_items)
    rows = dict(zip(config.variants, [arrays.read_images(path) for path in inputs.samples], strict=True))
    photographs = arrays.read_images(inputs.photographs)
    rows[PHOTOGRAPHS] = photographs[: len(rows[config.reference])]
    numbers = {row: len(images) for row, images in rows.items() if row != PHOTOGRAPHS}
    if len(set(numbers.values())) != 1:
        raise InputError(f"samples of different numbers of images: {numbers}; equal numbers needed")
    scored: dict[str, Scores] = {}
    by_image: list[pd.DataFrame] = []
    with devices.device(config.device) as device:
        score = _scorer(job, device)
        for row, images in rows.items():
            of = items.iloc[prompt_agreement.prompt_rows(len(images), len(items))].reset_index(drop=True)
            scored[row], predicted = score(images, of["label"].to_numpy(np.int64), of["caption"].astype(str).tolist())
            columns = {"predicted": predicted, "score": scored[row].own, "score_permuted": scored[row].other}
            about = {"variant": row, "image": np.arange(len(of)), "label": of["label"], "caption": of["caption"]}
            by_image.append(pd.DataFrame(about | columns))
    files.write_table(job.outputs.by_image, pd.concat(by_image, ignore_index=True))
    files.write_table(job.outputs.metrics, pd.DataFrame(_lines(job, rows, scored)))


def _scorer(job: Job[Config, Inputs, Outputs], device: torch.device) -> Scorer:
    """The classifier or CLIP, as the config says, loaded once."""
    config, inputs = job.config, job.inputs
    if config.clip_folder:
        clip = Clip(inputs.clip[0].parent, device)
        return lambda images, _, captions: (
            clip.scores(images, captions, config.batch_size),
            np.full(len(images), math.nan),
        )
    model = prompt_classifier.load(inputs.classifier[0], device)

    def by_class(images: np.ndarray, labels: np.ndarray, _: list[str]) -> tuple[Scores, np.ndarray]:
        predicted = prompt_classifier.predict(model, images, config.batch_size)
        return prompt_agreement.of_classes(predicted, labels), predicted

    return by_class


def _lines(
    job: Job[Config, Inputs, Outputs], rows: dict[str, np.ndarray], scored: dict[str, Scores]
) -> Iterator[dict[str, object]]:
    """The lines of the tidy table."""
    names, reference = job.config.names, job.config.reference
    for row, scores in scored.items():
        other = None if row in (reference, PHOTOGRAPHS) else scored[reference]
        digest = feature_sets.digest([np.asarray(rows[row])])
        for metric, estimate in prompt_agreement.estimates(scores, other):
            yield {
                "dataset": names["dataset"],
                "model": names["model"],
                "variant": row,
                "seed": int(names["seed"]),
                "metric": metric,
                **vars(estimate),
                "n_images": len(scores.own),
                "network": scores.judge,
                "sha256": digest,
            }


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
