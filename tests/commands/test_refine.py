"""`selfrefine refine` as a person types it: two pipelines and a report, for every kind, after a kill, or one line."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image
from safetensors.torch import load_file
from torch.optim.optimizer import register_optimizer_step_post_hook

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
        assert getattr(loaded, "labels", None) in (None, {f"kind {row}": row for row in range(tiny_kinds.CLASSES)})
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
LOW_RANK = "pytorch_lora_weights.safetensors"


def test_enough_images_have_intervals_and_a_verdict_in_words(weights: dict[str, Path], tmp_path: Path):
    main.main(asked(tmp_path, weights, samples=2048, map_steps=2))
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "too few images" not in report
    assert re.search(r"\| Refined with flaw maps \| [\d.e-]+ \([\d.e-]+ to [\d.e-]+\) \|", report)
    assert "The images do not tell the two models apart." in report or "Of these two models the " in report


def bytes_of(folder: Path) -> dict[str, bytes]:
    """All that a run leaves; settings hold paths."""
    found = tiny.bytes_below(folder)
    return {name: value for name, value in found.items() if not name.startswith(("lock", "settings", "report."))}


# What appears while a run is at work, in this order.
MOMENTS = ("work/fakes_chunks/*", "work/baseline_training/checkpoint000000004*", "work/photographs_features.npy")


@pytest.mark.parametrize(("name", "moments"), [("epsilon", MOMENTS), ("stable diffusion 1", ("work/captions/*",))])
def test_killed_wherever_it_is_the_same_command_ends_with_the_same_bytes(
    name: str, moments: Sequence[str], weights: dict[str, Path], tmp_path: Path
):
    size = {"steps": 8, "highlighter_steps": 10, "fakes": 16, "samples": 70}
    main.main(asked(tmp_path, weights, name, **size))
    out = tmp_path / "killed"
    for moment in moments:
        process = started(asked(tmp_path, weights, name, **size, out=out), tmp_path, stdout=subprocess.DEVNULL)
        while process.poll() is None and not list(out.glob(moment)):
            time.sleep(0.002)
        process.kill()
        _, told = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), told
    assert (out / "work").is_dir()  # the last one was killed, too
    main.main(asked(tmp_path, weights, name, **size, out=out))
    assert bytes_of(out) == bytes_of(tmp_path / "out")


def test_low_rank_weights_are_folders_for_stock_diffusers_also_after_a_stop(
    weights: dict[str, Path], bright: Path, tmp_path: Path
):
    """That a training goes on bit for bit, tests/library/test_low_rank.py shows."""
    updates: list[int] = []

    def stop(*_: Any) -> None:
        updates.append(1)
        if len(updates) == QUICK["checkpoint_every"] + 1:
            raise KeyboardInterrupt

    name = "stable diffusion 2"
    given = asked(tmp_path, weights, name, lora=2, highlighter=bright, samples=2)
    hook = register_optimizer_step_post_hook(stop)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            main.main(given)
    finally:
        hook.remove()
    (kept,) = (tmp_path / "out" / "work" / "baseline_training").glob("checkpoint*.safetensors")
    assert not any(".lora_" not in key for key in load_file(kept) if key.startswith(("weights", "ema", "exp_avg")))
    main.main(given)
    for folder in PAIR:
        assert {path.name for path in (tmp_path / "out" / folder).iterdir()} == {LOW_RANK, "SHA256SUMS"}
    one, other = (load_file(tmp_path / "out" / folder / LOW_RANK) for folder in PAIR)
    assert one.keys() == other.keys()
    assert not any(torch.equal(value, other[key]) for key, value in one.items() if "lora_B" in key)
    loaded = DiffusionPipeline.from_pretrained(tmp_path / "pipeline")
    loaded.load_lora_weights(tmp_path / "out" / "refined")
    assert np.isfinite(tiny_kinds.KINDS[name].infer(loaded)).all()


def test_low_rank_weights_of_other_kinds_are_merged_into_whole_pipelines(
    weights: dict[str, Path], bright: Path, tmp_path: Path
):
    """With weights of 0 the refined one is the baseline, as where all weights are trained."""
    main.main(asked(tmp_path, weights, "pixart", lora=2, highlighter=bright, forward_weight=0, reverse_weight=0))
    places = [tmp_path / "pipeline", *(tmp_path / "out" / folder for folder in PAIR)]
    given, one, other = (DiffusionPipeline.from_pretrained(place).transformer.state_dict() for place in places)
    assert all(torch.equal(value, other[key]) for key, value in one.items())
    changed = {key for key, value in one.items() if not torch.equal(value, given[key])}
    assert changed == {key for key in one if re.search(r"attn[12]\.to_(q|k|v|out\.0)\.weight$", key)}


def test_asked_to_stop_it_keeps_its_last_step_and_says_how_to_go_on(weights: dict[str, Path], tmp_path: Path):
    """By SIGTERM; other signals are those of tests/faults/test_stopped.py."""
    given = asked(tmp_path, weights, steps=100_000, checkpoint_every=50_000, warm_up=None)
    process = started([word for word in given if word not in ("--warm-up", "None")], tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("2 of 5"):
            break
    time.sleep(2.0)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate()
    assert process.returncode == 1
    assert re.search(r"baseline: stopped by SIG\w+ after step \d+; the same command goes on from there", told)
    assert list((tmp_path / "out" / "work" / "baseline_training").glob("checkpoint*"))


def test_a_finished_run_is_left_alone_and_another_one_is_refused(
    weights: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = asked(tmp_path, weights)
    main.main(given)
    before = tiny.bytes_below(tmp_path / "out")
    main.main(given)
    assert "is there already, of the same settings" in capsys.readouterr().out
    assert "holds a run whose seed was 0, now 1; name a new --out" in refused([*given, "--seed", "1"], capsys)
    Image.fromarray(tiny_kinds.images(1)[0, ::-1]).save(tmp_path / "images" / "new.png")
    line = refused(given, capsys)
    assert "holds a run whose pipeline, images, captions, highlighter or machine was others, now these" in line
    assert tiny.bytes_below(tmp_path / "out") == before


def pickled(folder: Path) -> None:
    made = tiny_kinds.KINDS["epsilon"].pipeline()
    made.save_pretrained(folder, safe_serialization=False)


def test_the_one_command_of_the_refusal_converts_a_folder_of_pickles(
    weights: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pickled(tmp_path / "pipeline")
    write_images(tmp_path / "images")
    line = refused(asked(tmp_path, weights), capsys)
    assert "diffusion_pytorch_model.bin: may be a pickle, which can run code" in line
    command = line.partition("convert it once: ")[2]
    subprocess.run(command.replace("python -c", f"{sys.executable} -c"), shell=True, check=True, capture_output=True)
    main.main(asked(tmp_path, weights, pipeline=tmp_path / "pipeline_safetensors"))


@pytest.mark.parametrize("name", ["epsilon", "latents kl", "stable diffusion 1", "dit"])
@pytest.mark.parametrize("variant", [None, "fp16"])
def test_folders_of_half_precision_are_trained_in_float32(
    name: str, variant: str | None, weights: dict[str, Path], tmp_path: Path
):
    kind = tiny_kinds.KINDS[name]
    half = kind.pipeline().to(torch.float16)
    half.save_pretrained(tmp_path / "pipeline", variant=variant)
    write_images(tmp_path / "images", classes=tiny_kinds.CLASSES if isinstance(kind.shows, range) else 0)
    main.main(asked(tmp_path, weights, name))
    for folder in ("baseline", "refined"):
        made = DiffusionPipeline.from_pretrained(tmp_path / "out" / folder)
        trained = getattr(made, "unet", None) or made.transformer
        assert trained.dtype == torch.float32
        # What is not trained is as it was.
        for part in {"vae", "vqvae", "text_encoder"} & made.components.keys():
            given, found = (getattr(one, part).state_dict() for one in (half, made))
            assert all(torch.equal(found[key], value.to(found[key].dtype)) for key, value in given.items())


# -- what does not fit -------------------------------------------------------------------------------------------------


def changed_unet(**config: Any) -> Any:
    return lambda: tiny_kinds.pixels(**config)


def without(part: str) -> Any:
    def make() -> Any:
        made = tiny_kinds.pixels()
        made.register_modules(**{part: None})
        return made

    return make


UNFIT: dict[str, tuple[Any, str]] = {
    "two encoders": (
        lambda: tiny_kinds.stable_diffusion(
            addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=32
        ),
        "asks for a class or another condition (addition_embed_type)",
    ),
    "inpainting": (lambda: tiny_kinds.stable_diffusion(in_channels=9), "(9, 3) channels in and out; (3, 3) needed"),
    "oblong": (changed_unet(sample_size=(16, 32)), "sample_size is"),
    "other classes": (changed_unet(num_class_embeds=3, class_embed_type="timestep"), "asks for a class"),
    "five channels": (changed_unet(in_channels=5, out_channels=5), "(5, 5) channels in and out; (1, 1) or (3, 3)"),
    "no scheduler": (without("scheduler"), "not a diffusers pipeline that can be read"),
    "no text encoder": (lambda: tiny_kinds.pixart(encoder=False), "PixArtAlphaPipeline without text_encoder and"),
    "another transformer": (tiny_kinds.sana, "SanaTransformer2DModel as transformer; DiTTransformer2DModel or PixArt"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_a_pipeline_that_does_not_fit_is_one_line_that_says_what_would(
    name: str, weights: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    make, told = UNFIT[name]
    make().save_pretrained(tmp_path / "pipeline")
    write_images(tmp_path / "images")
    line = refused(asked(tmp_path, weights), capsys)
    assert told in line
    assert str(tmp_path / "pipeline") in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("epsilon", {"pipeline": "nowhere"}, "nowhere: not the folder of a diffusers pipeline"),
        ("epsilon", {"images": "nowhere"}, "nowhere: no image that can be read"),
        ("epsilon", {"captions": "captions.csv"}, "--captions captions.csv: given, but the pipeline is told nothing"),
        ("epsilon", {"guidance": 3}, "--guidance: given, but the pipeline is told nothing"),
        ("epsilon", {"input_size": 48}, "input_size is 48; a multiple of 32 needed"),
        ("epsilon", {"map_steps": 21}, "map_steps is 21; 2 to 20, the timesteps, needed"),
        ("epsilon", {"highlighter": "nowhere"}, "--highlighter: nowhere is no file"),
        ("epsilon", {"lora": 9}, "lora is 9; 0 to 8, the width of its narrowest projection, needed"),
        ("epsilon", {"lora": -1}, "--lora: -1 given; allowed: whole numbers from 0 on"),
        ("epsilon", {"vgg16": "nowhere"}, "weights: nowhere is no file"),
        ("latents kl", {"flip": ""}, "a pipeline of latents takes False"),
        ("classes", {"guidance": 3}, "--guidance: 1 needed, the network has no null class"),
        ("stable diffusion 1", {"captions": "nowhere.csv"}, "nowhere.csv: no such file"),
        ("stable diffusion 1", {"captions": "few.csv"}, "few.csv: lacks 15 of 16 images, 01.png among them"),
        ("stable diffusion 1", {"captions": "other.csv"}, "file, label given, file and caption needed"),
        ("classes", {"captions": "other.csv"}, "other.csv: lacks 16 of 16 images"),
        ("dit", {"captions": "numbers.csv"}, "class 7; 0 to 2 needed by the pipeline"),
        ("dit", {"captions": "words.csv"}, "3 classes, a among them; numbers 0 to 2, or names of the pipeline needed"),
    ],
)
def test_what_else_does_not_fit_is_one_line(
    name: str,
    more: dict[str, Any],
    told: str,
    weights: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    given = asked(tmp_path, weights, name)
    files = sorted(path.relative_to("images").as_posix() for path in Path("images").rglob("*.png"))
    Path("few.csv").write_text(f"file,caption\n{files[0]},a red bag\n")
    Path("other.csv").write_text("file,label\nelsewhere.png,1\n")
    Path("numbers.csv").write_text("file,label\n" + "".join(f"{file},7\n" for file in files))
    Path("words.csv").write_text("file,label\n" + "".join(f"{file},{'abc'[n % 3]}\n" for n, file in enumerate(files)))
    replaced = words("refine", **more)[1:]
    line = refused([*given, *[word for word in replaced if word]], capsys)
    assert told in line
    assert not Path("out").exists()


def test_classes_are_folders_or_a_table(weights: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = asked(tmp_path, weights, "classes")
    main.main(given)
    assert "classes are numbered in their order: kind 0 0, kind 1 1, kind 2 2" in capsys.readouterr().out
    names = sorted(path.relative_to(tmp_path / "images").as_posix() for path in (tmp_path / "images").rglob("*.png"))
    table = tmp_path / "labels.csv"
    pd.DataFrame({"file": names, "label": [name[5] for name in names]}).to_csv(table, index=False)
    main.main(asked(tmp_path, weights, "classes", captions=table, out=tmp_path / "again"))
    assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "out")
