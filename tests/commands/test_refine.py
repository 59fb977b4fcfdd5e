"""`selfrefine refine` as a person types it: two pipelines and a report, for every kind, after a kill, or one line."""

import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from selfrefine.commands import main
from selfrefine.core import arrays
from selfrefine.library.comparison_report import PROVES_NOTHING
from selfrefine.pretrained import imagenet_backbones
from tests.support import tiny, tiny_highlighter, tiny_kinds
from tests.support.command import refused, started, words

QUICK: dict[str, Any] = {
    "steps": 4,
    "highlighter_steps": 2,
    "fakes": 10,
    "samples": 6,
    "map_images": 2,
    "map_steps": 3,
    "cycle": 2,
    "batch_size": 2,
    "learning_rate": 0.01,
    "ema_decay": 0.5,
    "checkpoint_every": 2,
    "device": "cpu",
    "precision": "float32",
}
FOLDERS = {"classes": "folders of classes", "dit": "folders of classes"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        alexnet = imagenet_backbones.alexnet_features().state_dict()
    arrays.write_tensors(folder / "alexnet.safetensors", {f"features.{key}": value for key, value in alexnet.items()})
    vgg16 = tiny_highlighter.write_weights(folder / "vgg16.safetensors")
    return {"vgg16": vgg16, "alexnet": folder / "alexnet.safetensors"}


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A highlighter to which what is bright is a flaw: its maps are not empty."""
    path = tmp_path_factory.mktemp("highlighter") / "bright.safetensors"
    tiny_highlighter.brightness_highlighter(32, sign=1.0).save(path)
    return path


def write_images(folder: Path, n: int = 16, classes: int = 0) -> Path:
    for number, image in enumerate(tiny_kinds.images(n)):
        inside = folder / f"kind {number % classes}" if classes else folder
        inside.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(inside / f"{number:02d}.png")
    return folder


def write_captions(folder: Path) -> Path:
    names = sorted(path.name for path in folder.glob("*.png"))
    said = [tiny_kinds.WORDS[number % len(tiny_kinds.WORDS)] for number in range(len(names))]
    pd.DataFrame({"file": names, "caption": said}).to_csv(folder.parent / "captions.csv", index=False)
    return folder.parent / "captions.csv"


def asked(folder: Path, weights: dict[str, Path], name: str = "epsilon", **more: Any) -> list[str]:
    """The words of a command on a pipeline of that kind, whose folder and images are made."""
    kind = tiny_kinds.KINDS[name]
    if not (folder / "pipeline").is_dir():
        kind.pipeline().save_pretrained(folder / "pipeline")
        write_images(folder / "images", classes=tiny_kinds.CLASSES if isinstance(kind.shows, range) else 0)
    told = {"captions": write_captions(folder / "images")} if kind.shows and not isinstance(kind.shows, range) else {}
    places = {"pipeline": folder / "pipeline", "images": folder / "images", "out": folder / "out"}
    return words("refine", **QUICK | places | weights | told | more)


class Links(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for key, value in attrs if key in ("src", "href")]


@pytest.mark.parametrize("name", ["epsilon", "sample", "classes", "latents kl", "stable diffusion 2", "dit"])
def test_a_folder_becomes_two_pipelines_and_a_report(name: str, weights: dict[str, Path], bright: Path, tmp_path: Path):
    main.main(asked(tmp_path, weights, name, highlighter=bright))
    out, kind = tmp_path / "out", tiny_kinds.KINDS[name]
    made = {path.name for path in out.iterdir()} - {"lock"}
    pages = {"report.html", "report.md", "report.png", "settings.json", "highlighter.safetensors"}
    assert made == {"baseline", "refined"} | pages
    states = []
    for folder in (tmp_path / "pipeline", out / "baseline", out / "refined"):
        loaded = DiffusionPipeline.from_pretrained(folder)
        assert np.isfinite(kind.infer(loaded)).all()
        trained = getattr(loaded, "unet", None) or loaded.transformer
        states.append(torch.cat([value.flatten() for value in trained.state_dict().values()]))
    assert not torch.equal(states[0], states[1])
    assert not torch.equal(states[1], states[2])
    markdown, page = (out / "report.md").read_text("utf-8"), (out / "report.html").read_text("utf-8")
    assert PROVES_NOTHING in markdown
    assert PROVES_NOTHING in page
    assert len(re.findall(r"too few images for an interval", markdown)) == 3
    links = Links()
    links.feed(page)
    assert len(links.found) == 1
    assert links.found[0].startswith("data:image/png;base64,")
    assert Image.open(out / "report.png").size[0] > 500


def test_both_trainings_have_the_same_start_and_the_same_noise(weights: dict[str, Path], tmp_path: Path):
    """With weights of 0 the refined pipeline is the baseline, bit for bit."""
    main.main(asked(tmp_path, weights, forward_weight=0, reverse_weight=0))
    one, other = (tmp_path / "out" / name / "unet" / "diffusion_pytorch_model.safetensors" for name in PAIR)
    assert one.read_bytes() == other.read_bytes()


PAIR = ("baseline", "refined")


def test_enough_images_have_intervals_and_a_verdict_in_words(weights: dict[str, Path], tmp_path: Path):
    main.main(asked(tmp_path, weights, samples=2048, map_steps=2))
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "too few images" not in report
    assert re.search(r"\| Refined with flaw maps \| [\d.]+ \([\d.]+ to [\d.]+\) \|", report)
    assert "The images do not tell the two models apart." in report or "Of these two models the " in report


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All that a run leaves; settings hold paths."""
    found = tiny.bytes_below(folder)
    return {name: value for name, value in found.items() if not name.startswith(("lock", "settings", "report."))}


@pytest.mark.parametrize("name", ["epsilon", "stable diffusion 1"])
def test_killed_at_any_moment_the_same_command_ends_with_the_same_bytes(
    name: str, weights: dict[str, Path], tmp_path: Path
):
    slow = {"steps": 12, "highlighter_steps": 4}
    whole = asked(tmp_path, weights, name, **slow)
    main.main(whole)
    again = [*whole[:-1], whole[-1]]
    again[again.index(str(tmp_path / "out"))] = str(tmp_path / "killed")
    kills = 0
    for patience in (8.0, 9.0, 10.0, 11.0, 12.0):
        process = started(again, tmp_path, stdout=subprocess.DEVNULL)
        time.sleep(patience)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    main.main(again)
    assert kills > 0
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "out")
