"""What is asked of `highlight`, checked before anything is read: one line names the argument that does not fit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfrefine.core.errors import one_line
from selfrefine.diffusion.pipelines import require
from selfrefine.highlighter.model import CONV_STRIDE
from selfrefine.highlighter.training import Settings
from selfrefine.library import checks, given
from selfrefine.library.highlighting.outputs import HIGHLIGHTER

# Not in paper: enough for folders of a few thousand images; on two cores about an hour at 256 px.
INPUT_SIZE, STEPS, BATCH_SIZE, LEARNING_RATE = 256, 300, 16, 0.00005
WEIGHT_DECAY = 0.01
LOOKS = 5  # at the validation part, each with a checkpoint


@dataclass(frozen=True)
class Request:
    """Checked arguments of `run.highlight`."""

    real: Path
    fake: Path
    out: Path
    highlighter: Path | None
    input_size: int
    settings: Settings
    seed: int


def check_word(allowed: tuple[str, ...], **words: Any) -> None:
    """Raises InputError unless each argument is one of the words that are allowed."""
    for name, value in words.items():
        fits = isinstance(value, str) and value in allowed
        require(fits, f"{name} is {one_line(repr(value))}; {', '.join(allowed)} needed")


def checked(
    real: Any, fake: Any, out: Any, highlighter: Any, weights: Any, training: dict[str, Any], seed: Any
) -> Request:
    """The arguments, if they fit."""
    checks.check_path(real=real, fake=fake, out=out)
    checks.check_whole(0, seed=seed)
    for name, value in training.items():
        require(
            value is None or highlighter is None, f"{name} is {value}, but highlighter is trained already; leave it out"
        )
    size, steps, batch, rate = (
        default if value is None else value
        for value, default in zip(training.values(), (INPUT_SIZE, STEPS, BATCH_SIZE, LEARNING_RATE), strict=True)
    )
    checks.check_whole(CONV_STRIDE, input_size=size)
    require(size % CONV_STRIDE == 0, f"input_size is {size}; a multiple of {CONV_STRIDE} needed")
    checks.check_whole(1, steps=steps, batch_size=batch)
    checks.check_numbers(1e-12, 1.0, learning_rate=rate)
    if highlighter is not None:
        checks.check_path(highlighter=highlighter)
        require(
            Path(highlighter).is_file(),
            f"highlighter: {highlighter} is no file; name a {HIGHLIGHTER} of an earlier run",
        )
        require(weights is None, "weights are given, but highlighter is trained already; leave them out")
    if weights is not None:
        given.imagenet_weights(weights)  # fetches none: one is given
    folder = Path(out)
    require(
        not folder.exists() or (folder.is_dir() and not any(folder.iterdir())),
        f"out: {folder} is there already; name a folder that is not",
    )
    for name, inside in (("real", Path(real)), ("fake", Path(fake))):
        require(inside.is_dir(), f"{name}: {inside} is no folder; name a folder of images")
        require(
            not folder.resolve().is_relative_to(inside.resolve()),
            f"out: {folder} lies in {inside}, whose images are read; name a folder elsewhere",
        )
    settings = Settings(int(steps), int(batch), float(rate), WEIGHT_DECAY, validate_every=max(1, int(steps) // LOOKS))
    chosen = None if highlighter is None else Path(highlighter)
    return Request(Path(real), Path(fake), folder, chosen, int(size), settings, int(seed))
