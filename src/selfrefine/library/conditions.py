"""What images show, for a pipeline whose network is told: the number of the class, or the caption, of each image."""

import copy
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selfrefine.core import chunks
from selfrefine.core.errors import one_line
from selfrefine.diffusion.pipelines import require
from selfrefine.diffusion.prompts import Captions
from selfrefine.library.kinds.pixart import MaskedTextEncoder
from selfrefine.library.subject import Subject
from selfrefine.pretrained import text_encoder
from selfrefine.pretrained.text_encoder import TextEncoder

CHUNK = 64  # captions embedded together


@dataclass(frozen=True)
class Conditions:
    """What the images show.

    Args:
        of_images: of each image the number of its class, from 0, or its caption; what the pipeline is told.
        guidance_scale: w of classifier-free guidance in the images that highlighter and maps are made of; 1 is none.
        dropout: probability with which training leaves a caption empty, so that guidance stays possible.
    """

    of_images: Sequence[int] | Sequence[str]
    guidance_scale: float = 1.0
    dropout: float = 0.1  # Not in paper: as Stable Diffusion was trained, because its users guide


class Labels(Captions):
    """Numbers of classes in the place of captions.

    Args:
        numbers: of each image, (N,) int64.
        null: what stands for no class.
        in_turn: whether maps are made of image after image.
    """

    def __init__(self, numbers: np.ndarray, null: int, *, in_turn: bool = False) -> None:
        distinct, rows = np.unique(numbers, return_inverse=True)
        super().__init__(np.array([null, *distinct], np.int64), rows.reshape(-1) + 1)
        self.in_turn = in_turn

    def _embedded(self, rows: np.ndarray) -> Tensor:
        """(n,) int64 on the CPU."""
        return torch.from_numpy(self.embeddings[rows])


@dataclass(frozen=True)
class Told:
    """Conditions as trainer and samplers take them; of a network that is told nothing both are empty.

    Args:
        captions: of the images in training.
        guidance_scale: w.
        dropout: of captions.
    """

    captions: Captions | None = None
    guidance_scale: float = 1.0
    dropout: float = 0.0

    @property
    def of_maps(self) -> Captions | None:
        """What the images behind maps show: each class in turn, or captions by chance.

        # Not in paper: classes in turn, because a map of all should miss none.
        """
        if not isinstance(self.captions, Labels):
            return self.captions
        null, *classes = self.captions.embeddings.tolist()
        return Labels(np.array(classes, np.int64), null, in_turn=True)

    def spread(self, n: int) -> Captions | None:
        """What n images show that stand for all in training: those of every so many-th image."""
        if self.captions is None:
            return None
        chosen, total = copy.copy(self.captions), len(self.captions)
        chosen.rows = self.captions.rows[np.arange(n) * total // n]
        return chosen


def check(subject: Subject, given: Any, count: int | None) -> None:
    """Raises InputError unless they are what the pipeline is told of `count` images, of any number if None."""
    kind = subject.kind
    if given is None:
        wanted = f"class numbers 0 to {kind.classes - 1}" if kind.condition == "classes" else "captions"
        require(kind.condition == "none", f"conditions: none given; the pipeline is told {wanted}: one an image needed")
        return
    require(kind.condition != "none", "conditions: given, but the pipeline is told nothing; leave them out")
    require(isinstance(given, Conditions), f"conditions: {type(given).__name__} given; library.Conditions needed")
    values = given.of_images
    listed = isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) and len(values) > 0
    require(listed, f"conditions: of_images is {one_line(repr(values))}; a list, one an image, needed")
    right = count is None or len(values) == count
    require(right, f"conditions: {len(values)} given; {count}, one an image, needed")
    for value in values:
        _check_value(kind.condition, kind.classes, value)
    _check_number("guidance_scale", given.guidance_scale, None)
    _check_number("dropout", given.dropout, 1.0)
    guided = kind.guided or given.guidance_scale == 1.0
    require(guided, f"conditions: guidance_scale is {given.guidance_scale}; 1 needed, the network knows no null class")


def _check_value(condition: str, classes: int, value: Any) -> None:
    if condition == "captions":
        require(isinstance(value, str), f"conditions: {one_line(repr(value))} given; captions needed")
        return
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 <= value < classes
    require(bool(whole), f"conditions: {one_line(repr(value))} given; class numbers 0 to {classes - 1} needed")


def _check_number(name: str, value: Any, most: float | None) -> None:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    fits = number and 0.0 <= float(value) <= (1e6 if most is None else most)
    allowed = "0 or more" if most is None else f"0 to {most:g}"
    require(fits, f"conditions: {name} is {one_line(repr(value))}; a number, {allowed}, needed")


def told_of(subject: Subject, given: Conditions | None, scratch: Path) -> Told:
    """Conditions, checked, as the pipeline's own text encoder embeds them; of classes their numbers.

    Args:
        subject: whose network is told.
        given: what it is told; None of one that is told nothing.
        scratch: of this step; finished chunks of captions wait there.
    """
    if given is None:
        return Told()
    if subject.kind.condition == "classes":
        labels = np.asarray(given.of_images, dtype=np.int64)
        return Told(Labels(labels, subject.kind.null or 0), given.guidance_scale)
    captions = [str(caption) for caption in given.of_images]
    distinct = text_encoder.distinct(captions)
    place = scratch / "captions"
    paths = text_encoder.encode(_encoder(subject), distinct, place, label="encode captions", chunk_size=CHUNK)
    embedded = Captions(chunks.joined(paths, len(distinct)), text_encoder.rows(captions, distinct))
    return Told(embedded, given.guidance_scale, given.dropout)


def _encoder(subject: Subject) -> TextEncoder:
    if subject.kind.masked:
        return MaskedTextEncoder(subject.pipeline)
    # A copy: what a tokenizer was last asked for would be saved with it.
    return TextEncoder(subject.pipeline.text_encoder, copy.deepcopy(subject.pipeline.tokenizer))
