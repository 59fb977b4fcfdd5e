"""Whether what a person gives can be used: one line names the argument and says what is allowed."""

import math
import numbers
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine.core.errors import InputError, one_line
from selfrefine.diffusion.pipelines import require
from selfrefine.guidance import attention_modulation
from selfrefine.highlighter.model import CONV_STRIDE, Highlighter
from selfrefine.library import conditions
from selfrefine.library.subject import Subject
from selfrefine.networks import Pipeline


@contextmanager
def entry(remedy: str = "") -> Iterator[None]:
    """A call of the library: gradients are on inside, whatever is around it.

    Args:
        remedy: what helps here where the workflow, whose rooms this uses, would have a remedy of its own.
    """
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    except InputError as error:
        raise InputError(error.fact, remedy if str(error) != error.fact else "") from None


# -- numbers, words, places --------------------------------------------------------------------------------------------


def check_whole(least: int, **given: Any) -> None:
    """Raises InputError unless each argument is a whole number from `least` on; Python's or numpy's."""
    for name, value in given.items():
        fits = _is(numbers.Integral, value) and value >= least
        require(fits, f"{name} is {one_line(repr(value))}; a whole number, {least} or more, needed")


def _is(kind: type, value: Any) -> bool:
    """Whether it is a number of this kind; to Python True is one, too."""
    return isinstance(value, kind) and not isinstance(value, bool)


def check_numbers(low: float, high: float, **given: Any) -> None:
    """Raises InputError unless each argument is a finite number from `low` to `high`."""
    for name, value in given.items():
        fits = _is(numbers.Real, value) and math.isfinite(value) and low <= value <= high
        allowed = f"{low:g} or more" if high == math.inf else f"{low:g} to {high:g}"
        require(fits, f"{name} is {one_line(repr(value))}; a number, {allowed}, needed")


def check_flag(**given: Any) -> None:
    """Raises InputError unless each argument is True or False."""
    for name, value in given.items():
        require(isinstance(value, bool), f"{name} is {one_line(repr(value))}; True or False needed")


def check_path(**given: Any) -> None:
    """Raises InputError unless each argument is a Path or a name."""
    for name, value in given.items():
        fits = isinstance(value, Path) or (isinstance(value, str) and value != "" and "\0" not in value)
        require(fits, f"{name} is {one_line(repr(value))}; the name of a file or folder needed")


def check_png(path: Any) -> None:
    """Raises InputError unless a PNG can be written under that name."""
    check_path(path=path)
    folder = Path(path).parent
    fits = Path(path).suffix.lower() == ".png" and not Path(path).is_dir()
    require(fits, f"path is {path}; the name of a file that ends in .png needed")
    require(
        folder.is_dir() and os.access(folder, os.W_OK),
        f"path is {path}; a folder that is there and can be written needed",
    )


# -- pipelines, images, highlighters -----------------------------------------------------------------------------------


def check_pipeline(pipeline: Pipeline, map_steps: int) -> Subject:
    """The subject of a pipeline of a known kind, whose weights can be trained on.

    Raises:
        InputError: another pipeline, weights that are not float32 or not finite, more steps than timesteps.
    """
    subject = Subject(pipeline)
    _check_weights("pipeline", subject.network)
    check_whole(2, map_steps=map_steps)
    levels = len(subject.schedule.alphas_cumprod)
    require(map_steps <= levels, f"map_steps is {map_steps}; 2 to {levels}, the timesteps, needed")
    return subject


def check_trainable(subject: Subject) -> None:
    """Raises InputError unless some weights of the network may be trained."""
    trained = any(weights.requires_grad for weights in subject.network.parameters())
    name = subject.kind.network
    require(trained, f"pipeline: all weights of its network are frozen; call pipeline.{name}.requires_grad_(True)")


def check_highlighter(highlighter: Any, subject: Subject) -> None:
    """Raises InputError unless it is a highlighter on the pipeline's device."""
    kind = type(highlighter).__name__
    require(isinstance(highlighter, Highlighter), f"highlighter: {kind} given; what train_highlighter returns needed")
    own, wanted = highlighter.mean.device, subject.device
    require(own == wanted, f"highlighter: it is on {own}, the pipeline on {wanted}; move one of them")
    _check_weights("highlighter", highlighter)


def check_input_size(size: Any) -> int:
    """The size if the highlighter can take images of it.

    Raises:
        InputError: it cannot.
    """
    check_whole(CONV_STRIDE, input_size=size)
    require(size % CONV_STRIDE == 0, f"input_size is {size}; a multiple of {CONV_STRIDE} needed")
    return int(size)


def _check_weights(name: str, network: torch.nn.Module) -> None:
    """Raises InputError if weights are not finite, or were made inside inference_mode, where nothing can be trained."""
    for place, weights in network.named_parameters():
        require(not weights.is_inference(), f"{name}: made inside torch.inference_mode; make it outside")
        require(bool(weights.isfinite().all()), f"{name}: its weights {place} are not finite; finite ones needed")


def check_training(subject: Subject, images: Any, least: int, given: Any, horizontal_flip: Any) -> None:
    """Raises InputError unless the pipeline can be trained on `least` or more images, as they show what is given."""
    check_images(subject, images, least)
    check_conditions(subject, given, len(images))
    check_flag(horizontal_flip=horizontal_flip)
    latent = horizontal_flip and subject.codec is not None
    require(not latent, "horizontal_flip is True; a pipeline of latents takes False: add mirrored images to yours")


def check_conditions(subject: Subject, given: Any, count: int | None) -> None:
    """Raises InputError unless they are what the pipeline is told of `count` images, or of any number."""
    conditions.check(subject, given, count)


def check_images(subject: Subject, images: Any, least: int) -> None:
    """Raises InputError unless there are `least` packed images of the pipeline's size and channels."""
    size = subject.size
    check_packed(images, f"(N, {size}, {size}, 3) needed by the pipeline")
    fits = images.shape[1:] == (size, size, 3)
    require(fits, f"images: {images.dtype} {images.shape} given; uint8 (N, {size}, {size}, 3) needed by the pipeline")
    require(len(images) >= least, f"images: {len(images)} given; {least} or more needed")
    if subject.channels == 1:
        grey = bool((images == images[..., :1]).all())
        require(grey, "images: coloured ones given; the pipeline makes grey ones: three equal channels needed")


def check_packed(images: Any, needed: str = "(N, H, W, 3) needed") -> None:
    """Raises InputError unless they are an array of images."""
    given = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
    fits = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3
    require(fits and images.size > 0, f"images: {given} given; uint8 {needed}")


def check_maps(maps: Any, count: int) -> None:
    """Raises InputError unless there are `count` maps from 0 to 1."""
    given = f"{maps.dtype} {maps.shape}" if isinstance(maps, np.ndarray) else type(maps).__name__
    fits = isinstance(maps, np.ndarray) and maps.dtype.kind == "f" and maps.ndim == 3 and maps.shape[1] == maps.shape[2]
    fits = fits and maps.size > 0 and len(maps) == count
    require(fits, f"maps: {given} given; floats ({count}, S, S), one for each image, needed")
    inside = bool(((maps >= 0.0) & (maps <= 1.0)).all())
    require(inside, "maps: values outside 0 to 1 given; 0 to 1 needed")


def check_use(subject: Subject, highlighter: Any, forward_weight: Any, reverse_weight: Any) -> None:
    """Raises InputError unless maps of the highlighter can be used with these weights."""
    check_highlighter(highlighter, subject)
    check_numbers(0.0, math.inf, forward_weight=forward_weight, reverse_weight=reverse_weight)
    check_attention(subject, reverse_weight)


def check_attention(subject: Subject, reverse_weight: float) -> None:
    """Raises InputError if the reverse process has no self-attention to modulate."""
    if reverse_weight:
        try:
            attention_modulation.self_attentions(subject.network)
        except InputError:
            raise InputError("pipeline: its network has no self-attention to modulate; pass reverse_weight=0") from None
