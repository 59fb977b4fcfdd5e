"""Refines the folder of a pipeline on a folder of images, beside a baseline of as many plain steps."""

import argparse
import dataclasses
import hashlib
import shutil
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine.commands.arguments import add_device, number, whole_number
from selfrefine.core import arrays, devices, files, locks, stopping
from selfrefine.core.errors import InputError
from selfrefine.highlighter import model
from selfrefine.library import checks, comparison, comparison_report, given, low_rank, own_folder, shown
from selfrefine.library import steps as method
from selfrefine.library.comparison import Asked, Run
from selfrefine.library.conditions import Conditions
from selfrefine.library.refine import FEWEST_IMAGES, LEAST_RATE, MAP_STEPS
from selfrefine.library.subject import Subject

SETTINGS, REPORT, LOCK = "settings.json", "report.html", "lock"
OURS = {LOCK, "work"}  # what may lie in a folder before the settings are written

HELP = """
Needs: the folder of a diffusers pipeline (model_index.json, safetensors), as docs/library.md lists them, and a folder
  of the images that it shall make; captions or classes of them where the pipeline is told any.
Makes: in --out the pipelines `refined` and `baseline` (as many plain steps from the same start, with the same noise),
  which stock diffusers loads; with --lora, of Stable Diffusion the weights for its load_lora_weights alone; the
  highlighter; report.html and report.md, which compare the two. Killed or stopped, the same command goes on.

Example:
  selfrefine refine --pipeline my_pipeline --images my_photos --out refined_my_pipeline
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; the defaults are those of the library."""
    parser.add_argument("--pipeline", type=Path, required=True, help="folder of a diffusers pipeline")
    parser.add_argument("--images", type=Path, required=True, help="folder of images; sub-folders may be classes")
    parser.add_argument("--out", type=Path, required=True, help="folder to make, or to go on in")
    parser.add_argument("--captions", type=Path, help="CSV with the columns file and caption, or file and label")
    parser.add_argument("--guidance", type=_from_zero(), default=1.0, help="of images behind maps; default: 1, none")
    for name, default, least, text in (
        ("--steps", 5000, 1, "updates of either training"),
        ("--highlighter-steps", 500, 1, "updates of the highlighter"),
        ("--fakes", 1024, FEWEST_IMAGES, "images of the pipeline that the highlighter learns from, at most"),
        ("--samples", 2048, 2, "images of each model that are measured; fewer have no interval of FD"),
        ("--map-images", 64, 1, "images behind a map"),
        ("--map-steps", MAP_STEPS, 2, "DDIM steps of all images"),
        ("--cycle", 100, 1, "updates between two maps"),
        ("--batch-size", 8, 1, "images an update"),
        ("--checkpoint-every", 500, 1, "updates after which a training is kept"),
        ("--lora", 0, 0, "rank of low-rank weights of attention, which alone are trained; 0 trains all"),
        ("--seed", 0, 0, "another number, another result"),
    ):
        parser.add_argument(name, type=whole_number(least), default=default, help=f"{text}; default: {default}")
    parser.add_argument("--input-size", type=whole_number(1), help="px that the highlighter sees, a multiple of 32")
    for name, value, text in (("--forward-weight", 0.01, "of the noise"), ("--reverse-weight", 0.025, "of attention")):
        parser.add_argument(name, type=_from_zero(), default=value, help=f"{text}; default: {value}")
    for name, value in (("--learning-rate", 1e-4), ("--highlighter-learning-rate", 5e-5)):
        kind = number(float, lambda rate: LEAST_RATE <= rate <= 1.0, f"numbers from {LEAST_RATE:g} to 1")
        parser.add_argument(name, type=kind, default=value, help=f"of AdamW; default: {value}")
    kind = number(float, lambda decay: 0.0 <= decay <= 1.0, "numbers from 0 to 1")
    parser.add_argument("--ema-decay", type=kind, default=0.999, help="of the weights that are kept; default: 0.999")
    parser.add_argument("--flip", action="store_true", help="mirror half of the images; not where they hold text")
    parser.add_argument("--highlighter", type=Path, help="one that was trained before, on images of this pipeline")
    parser.add_argument("--vgg16", type=Path, help="safetensors of VGG16; fetched once if left out")
    parser.add_argument("--alexnet", type=Path, help="safetensors of AlexNet; fetched once if left out")
    add_device(parser)


def _from_zero() -> Any:
    return number(float, lambda value: value >= 0.0, "numbers from 0 on")


def run(arguments: argparse.Namespace) -> None:
    """Checks everything that can be checked before the first update, then trains, measures and reports."""
    out: Path = arguments.out
    try:
        with locks.hold(out / LOCK), devices.device(arguments.device, "--device") as device:
            _refine(arguments, device)
    except locks.HeldError as holder:
        raise InputError(f"{out}: {holder} is working in it; wait, or stop it and run the same command") from None
    finally:
        if out.is_dir() and {entry.name for entry in out.iterdir()} <= OURS:  # refused before anything was made
            shutil.rmtree(out, ignore_errors=True)


@checks.entry("lower --learning-rate or --highlighter-learning-rate, and choose another --out")
def _refine(arguments: argparse.Namespace, device: torch.device) -> None:
    out: Path = arguments.out
    pipeline = own_folder.load(arguments.pipeline, device)
    subject = Subject(pipeline, str(arguments.pipeline), arguments.precision)
    checks.check_pipeline(pipeline, arguments.map_steps)
    photographs = given.load_photographs(arguments.images, subject.size, partial(arrays.mapped_array, out / "work"))
    images = photographs.images
    conditions = shown.conditions(subject, arguments.images, photographs.names, arguments.captions, arguments.guidance)
    asked = _asked(arguments, subject)
    low_rank.check(subject, asked.lora)
    checks.check_training(subject, images, FEWEST_IMAGES, conditions, asked.flip)
    checks.check_input_size(asked.input_size)
    checks.check_attention(subject, asked.reverse_weight)
    if arguments.highlighter is not None and not arguments.highlighter.is_file():
        raise InputError(f"--highlighter: {arguments.highlighter} is no file; leave it out, and one is trained")
    highlighter = None if arguments.highlighter is None else model.load(arguments.highlighter, device)
    settings = _settings(arguments, asked, subject, images, conditions)
    if _is_done(out, settings):
        print(f"{out / REPORT}: is there already, of the same settings", flush=True)
        return
    alexnet = given.imagenet_weights(arguments.alexnet, "alexnet")
    vgg16 = given.imagenet_weights(arguments.vgg16) if highlighter is None else None
    files.write_json(out / SETTINGS, settings)
    with stopping.allowed():
        found = Run(subject, images, conditions, asked, out, vgg16, alexnet, highlighter).make()
    comparison_report.write(out, found, {key: value for key, value in settings.items() if key != "made of"})
    shutil.rmtree(out / "work", ignore_errors=True)
    print(f"{out / REPORT}: compares {out / comparison.REFINED} with {out / comparison.BASELINE}", flush=True)


def _asked(arguments: argparse.Namespace, subject: Subject) -> Asked:
    """The numbers of the command line."""
    renamed = {"n_fakes": arguments.fakes, "input_size": arguments.input_size or method.map_size(subject.size)}
    names = [field.name for field in dataclasses.fields(Asked) if field.name not in renamed]
    return Asked(**renamed, **{name: getattr(arguments, name) for name in names})


def _settings(
    arguments: argparse.Namespace, asked: Asked, subject: Subject, images: np.ndarray, conditions: Conditions | None
) -> dict[str, Any]:
    """All that decides the result; a folder holds one run."""
    told = [] if conditions is None else list(conditions.of_images)
    made_of = {
        "weights": _digest(value.cpu().numpy().tobytes() for value in subject.network.state_dict().values()),
        "images": _digest(image.tobytes() for image in images),
        "conditions": _digest(str(value).encode() + b"\0" for value in told),
        "highlighter": "" if arguments.highlighter is None else files.sha256(arguments.highlighter),
        "machine": devices.deciding(subject.device.type, arguments.precision),
    }
    shown_names = {"pipeline": str(arguments.pipeline), "images": str(arguments.images)}
    numbers = dataclasses.asdict(asked) | {"guidance": arguments.guidance}
    return shown_names | numbers | {"made of": made_of}


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def _is_done(out: Path, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds the report of the same settings.

    Raises:
        InputError: it holds a run of others, or things that no run made.
    """
    path = out / SETTINGS
    if not path.is_file():
        if foreign := sorted({entry.name for entry in out.iterdir()} - OURS - {f"{LOCK}.holder"}):
            raise InputError(f"{out}: holds {foreign[0]}, which is of no run; name a new folder")
        return False
    before = files.read_json(path)
    for key, value in settings.items():
        if before.get(key) != value:
            old, new = ("others", "these") if key == "made of" else (before.get(key), value)
            name = "pipeline, images, captions, highlighter or machine" if key == "made of" else key
            raise InputError(f"{out}: holds a run whose {name} was {old}, now {new}; name a new --out, or ask the same")
    return (out / REPORT).is_file()
