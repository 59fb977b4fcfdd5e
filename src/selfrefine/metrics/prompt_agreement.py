"""Whether images show what their prompts say: agreement with the own prompt, with another's, and against the reference.

An image agrees with a prompt if a classifier of real images gives it the prompt's class; where there are no classes,
CLIP scores it. # Not in paper: Table 4 has FID alone, which does not tell whether an image belongs to its prompt.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from selfrefine.core import random_streams
from selfrefine.metrics import intervals
from selfrefine.metrics.intervals import Estimate

Judge = Literal["classifier", "clip"]  # who tells; the column `network` of the figures
AGREEMENT, PERMUTED, DEPENDENCE = "agreement", "agreement_permuted", "prompt_dependence"
DIFFERENCE = "agreement_difference"


@dataclass(frozen=True)
class Scores:
    """How well each image of a row agrees with a prompt, (N,) float64: 1 or 0 of a classifier, else CLIP's score.

    Args:
        judge: who tells.
        own: with the prompt that it was made from.
        other: with the prompt of another image, from `other_images`.
    """

    judge: Judge
    own: np.ndarray
    other: np.ndarray


def prompt_rows(n_images: int, n_prompts: int) -> np.ndarray:
    """Which test image's caption each sample was made from, (N,) int64: sample i that of test image i modulo their
    number."""
    return np.arange(n_images) % n_prompts


def other_images(n_images: int) -> np.ndarray:
    """For each image another one, whose prompt it is held against, (N,) int64: one random cycle through all of them.

    All rows of a table are held against the same prompts, so that their figures compare. Two images may still have the
    same caption or class: with ten classes one in ten agrees by chance.
    """
    order = torch.randperm(n_images, generator=random_streams.stream(0, "other_prompts", 0)).numpy()
    found = np.empty(n_images, np.int64)
    found[order] = np.roll(order, 1)
    return found


def of_classes(predicted: np.ndarray, labels: np.ndarray) -> Scores:
    """Scores by a classifier.

    Args:
        predicted: label that it gives each image, (N,) int64.
        labels: class of each image's prompt, (N,) int64.
    """
    others = labels[other_images(len(labels))]
    return Scores("classifier", (predicted == labels).astype(np.float64), (predicted == others).astype(np.float64))


def estimates(scores: Scores, reference: Scores | None) -> Iterator[tuple[str, Estimate]]:
    """Yields (metric, figure with its 95 % interval over images).

    agreement; agreement_permuted, with the prompts of other images; prompt_dependence, the difference of the two, image
    by image: above 0 where an image depends on its prompt; agreement_difference to the reference, whose image i has the
    same prompt and noise.

    Args:
        scores: of a row.
        reference: of the row that it is compared with; None of that row itself and of photographs.
    """
    yield AGREEMENT, _mean(scores.judge, scores.own)
    yield PERMUTED, _mean(scores.judge, scores.other)
    yield DEPENDENCE, _difference(scores.judge, scores.own, scores.other)
    if reference is not None:
        yield DIFFERENCE, _difference(scores.judge, scores.own, reference.own)


def _mean(judge: Judge, scores: np.ndarray) -> Estimate:
    """Of a classifier a share, else a mean."""
    if judge == "classifier":
        return intervals.share_interval(float(scores.mean()), len(scores))
    return intervals.mean_interval(scores)


def _difference(judge: Judge, one: np.ndarray, other: np.ndarray) -> Estimate:
    """Of two scores of each image."""
    if judge == "classifier":
        return intervals.share_difference_interval(int((one > other).sum()), int((one < other).sum()), len(one))
    return intervals.mean_interval(one - other)
