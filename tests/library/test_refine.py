"""The library as a user meets it: the README's own lines at tiny scale, and one line for what does not fit."""

import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, DiffusionPipeline, UNet2DModel
from PIL import Image
from torch.optim.optimizer import register_optimizer_step_post_hook

from selfrefine import library, networks
from selfrefine.core import kept
from selfrefine.core.errors import InputError
from selfrefine.pretrained import imagenet_weights
from tests.support import tiny, tiny_highlighter, tiny_uvit
from tests.support.damage import DAMAGES

README = Path(__file__).parents[2] / "README.md"
PHOTOS = 24  # of which two are validated on
QUICK: dict[str, Any] = {"steps": 3, "map_images": 4, "map_steps": 3, "cycle": 2, "learning_rate": 0.01}


@pytest.fixture
def vgg16_in_torchs_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Random weights where torch keeps what it downloads, pinned as if they were ImageNet's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    random = {f"features.{name}": tensor for name, tensor in tiny_highlighter.scaled_features().items()}
    monkeypatch.setitem(
        imagenet_weights.PRETRAINED,
        "vgg16",
        replace(imagenet_weights.PRETRAINED["vgg16"], digest=imagenet_weights.digest(random)),
    )
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(random, cache / "vgg16-397923af.pth")
    return cache


@pytest.fixture
def pipeline() -> networks.Pipeline:
    return tiny.tiny_pipeline()


def own(pipeline: networks.Pipeline, scheduler: Any = None, **network: Any) -> networks.Pipeline:
    """The pipeline with another scheduler or another network."""
    config = {name: value for name, value in pipeline.unet.config.items() if not name.startswith("_")}
    unet = UNet2DModel(**config | network) if network else pipeline.unet
    return DDPMPipeline(unet=unet, scheduler=pipeline.scheduler if scheduler is None else scheduler)


def readme_lines(literals: dict[str, str]) -> str:
    """The code under "Your own model", with other literals."""
    section = README.read_text(encoding="utf-8").partition("## Your own model\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    for literal, other in literals.items():
        assert code.count(literal) == 1, literal
        code = code.replace(literal, other)
    return code


def write_photos(folder: Path) -> None:
    """Images that are not square, of two formats, one below another, and a file that is none."""
    (folder / "more").mkdir(parents=True)
    for number, image in enumerate(tiny.tiny_images(PHOTOS, 16)):
        name = folder / "more" / f"{number}.png" if number % 2 else folder / f"{number}.bmp"
        Image.fromarray(image).resize((16, 20)).save(name)
    (folder / "broken.png").write_bytes(b"no image")


@pytest.mark.usefixtures("vgg16_in_torchs_cache")
def test_the_ten_lines_of_the_readme(
    pipeline: networks.Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    code = readme_lines({"steps=500)": "steps=1)", "steps=5000)": "steps=4)"})
    assert len([line for line in code.splitlines() if line]) <= 10
    write_photos(Path("my_photos"))
    pipeline = own(pipeline, DDPMScheduler(num_train_timesteps=60))
    pipeline.save_pretrained("my_pipeline")
    before = {name: value.clone() for name, value in pipeline.unet.state_dict().items()}
    used: dict[str, Any] = {}
    exec(code, used)

    assert used["photos"].shape == (PHOTOS, tiny.SIZE, tiny.SIZE, 3)
    assert used["images"].shape == (8, tiny.SIZE, tiny.SIZE, 3)
    assert used["maps"].shape == (8, 32, 32)
    assert 0.0 <= used["maps"].min() <= used["maps"].max() <= 1.0
    assert Image.open("flaw_maps.png").size[0] > 300
    assert "my_photos/broken.png: no image of a known format" in capfd.readouterr().out

    assert all(torch.equal(value, before[name]) for name, value in used["pipeline"].unet.state_dict().items())
    loaded = DiffusionPipeline.from_pretrained("my_refined_pipeline")
    assert type(loaded) is DDPMPipeline
    assert loaded.scheduler.config == used["pipeline"].scheduler.config
    after = loaded.unet.state_dict()
    assert list(after) == list(before)
    assert not any(torch.equal(after[name], before[name]) for name in before if name.endswith("conv1.weight"))
    assert loaded(num_inference_steps=2, output_type="np").images.shape == (1, tiny.SIZE, tiny.SIZE, 3)


@pytest.fixture(scope="module")
def highlighter() -> Any:
    return tiny_highlighter.highlighter(32)


def refined_weights(pipeline: networks.Pipeline, highlighter: Any, **options: Any) -> torch.Tensor:
    refined = library.refine(pipeline, tiny.tiny_images(), highlighter, **QUICK | options)
    return torch.cat([value.flatten() for value in refined.unet.state_dict().values()])


def test_both_weights_enter_and_a_seed_gives_the_same_bits(pipeline: networks.Pipeline, highlighter: Any):
    plain = refined_weights(pipeline, highlighter, forward_weight=0.0, reverse_weight=0.0)
    state = torch.get_rng_state()
    assert torch.equal(plain, refined_weights(pipeline, highlighter, forward_weight=0.0, reverse_weight=0.0))
    assert torch.equal(state, torch.get_rng_state())
    given = torch.cat([value.flatten() for value in pipeline.unet.state_dict().values()])
    raw, averaged = (refined_weights(pipeline, highlighter, ema_decay=decay) for decay in (0.0, 1.0))
    assert 0 < (averaged - raw).norm() < (given - raw).norm()  # the average is what returns
    for options in ({"forward_weight": 0.5}, {"reverse_weight": 0.5}, {"seed": 1}):
        both = {"forward_weight": 0.0, "reverse_weight": 0.0} | options
        assert not torch.equal(plain, refined_weights(pipeline, highlighter, **both)), options


def test_a_network_without_attention_is_refined_by_the_forward_process(pipeline: networks.Pipeline, highlighter: Any):
    types = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "add_attention": False}
    plain = own(pipeline, **types)
    with pytest.raises(InputError, match="no self-attention to modulate; pass reverse_weight=0"):
        refined_weights(plain, highlighter)
    assert refined_weights(plain, highlighter, reverse_weight=0.0).isfinite().all()


def test_another_scheduler_and_grey_images(pipeline: networks.Pipeline, highlighter: Any):
    scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    grey = own(pipeline, scheduler, in_channels=1, out_channels=1)
    with pytest.raises(InputError, match="coloured ones given; the pipeline makes grey ones"):
        library.refine(grey, tiny.tiny_images(), highlighter, **QUICK)
    images = np.repeat(tiny.tiny_images()[..., :1], 3, axis=3)
    refined = library.refine(grey, images, highlighter, **QUICK)
    assert type(refined.scheduler) is DDIMScheduler
    shown, maps = library.flaw_maps(refined, highlighter, n_images=3, map_steps=3)
    again, _ = library.flaw_maps(refined, highlighter, n_images=2, map_steps=3)
    assert np.array_equal(shown[:2], again)
    assert maps.shape == (3, 32, 32)
    assert maps.max() == pytest.approx(1.0, abs=1e-4)


def test_a_pipeline_that_learns_its_variances_is_refined_with_them(pipeline: networks.Pipeline, highlighter: Any):
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config, variance_type="learned_range")
    wide = own(pipeline, scheduler, out_channels=6)
    refined = library.refine(wide, tiny.tiny_images(), highlighter, **QUICK)
    weights_of_variance = [made.unet.conv_out.weight[3:] for made in (wide, refined)]
    assert not torch.equal(*weights_of_variance)
    assert refined(num_inference_steps=2, output_type="np").images.shape == (1, tiny.SIZE, tiny.SIZE, 3)


def learned_range(pipeline: networks.Pipeline) -> networks.Pipeline:
    return own(pipeline, DDPMScheduler.from_config(pipeline.scheduler.config, variance_type="learned_range"))


@pytest.mark.parametrize("schedule", ["vp_sde", "linear"])
def test_a_transformer_is_refined(highlighter: Any, schedule: str):
    pipeline = tiny_uvit.tiny_pipeline(schedule=schedule)
    refined = library.refine(pipeline, tiny.tiny_images(), highlighter, **QUICK)
    given, found = pipeline.unet.state_dict(), refined.unet.state_dict()
    assert list(found) == list(given)
    assert refined.unet.config == pipeline.unet.config
    assert not any(torch.equal(found[name], given[name]) for name in given if name.endswith("qkv.weight"))
    shown, _ = library.flaw_maps(refined, highlighter, n_images=3, map_steps=3)
    assert shown.shape == (3, tiny.SIZE, tiny.SIZE, 3)


def zero_snr(pipeline: networks.Pipeline) -> networks.Pipeline:
    return own(pipeline, DDPMScheduler.from_config(pipeline.scheduler.config, rescale_betas_zero_snr=True))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (zero_snr, "no alphas_cumprod above 0"),
        (lambda given: own(given, out_channels=6), "(3, 6) channels in and out; (1, 1) or (3, 3) needed"),
        (learned_range, "(3, 3) channels in and out; (1, 2) or (3, 6) needed"),
        (lambda given: own(given, num_class_embeds=2, class_embed_type="timestep"), "asks for a class"),
        (lambda given: own(given, sample_size=(8, 16)), "sample_size is (8, 16)"),
        (lambda given: given.to(torch.float16), "weights are torch.float16"),
        (lambda given: given.unet, "pipeline: UNet2DModel given"),
    ],
)
def test_a_pipeline_that_does_not_fit_is_told_in_one_line(pipeline: networks.Pipeline, change: Any, told: str):
    with pytest.raises(InputError) as fault:
        library.flaw_maps(change(pipeline), tiny_highlighter.highlighter(32), n_images=1)
    assert told in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("images", "options", "told"),
    [
        (tiny.tiny_images(12, 16), {}, "uint8 (12, 16, 16, 3) given; uint8 (N, 8, 8, 3) needed"),
        (tiny.tiny_images(9), {}, "images: 9 given; 10 or more needed"),
        (tiny.tiny_images(12) / 255.0, {}, "float64"),
        (tiny.tiny_images(12), {"input_size": 48}, "input_size is 48; a multiple of 32 needed"),
        (tiny.tiny_images(12), {"weights": "absent"}, "weights: absent is no file"),
        (tiny.tiny_images(12), {"n_fakes": 5}, "n_fakes is 5; a whole number, 10 or more, needed"),
        (tiny.tiny_images(12), {"map_steps": 21}, "map_steps is 21; 2 to 20, the timesteps, needed"),
    ],
)
def test_images_and_numbers_that_do_not_fit(pipeline: networks.Pipeline, images: Any, options: Any, told: str):
    with pytest.raises(InputError, match=re.escape(told)):
        library.train_highlighter(pipeline, images, steps=1, **{"map_steps": 3} | options)


def test_a_folder_without_images(tmp_path: Path):
    for folder in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match="no image that can be read"):
            library.load_images(folder, 8)


def test_signals_are_the_callers(pipeline: networks.Pipeline):
    """Only stages listen to them: Ctrl-C in a notebook is a KeyboardInterrupt as ever."""
    before, seen = signal.getsignal(signal.SIGINT), []
    hook = register_optimizer_step_post_hook(lambda *_: seen.append(signal.getsignal(signal.SIGINT)))
    try:
        library.refine(pipeline, tiny.tiny_images(), tiny_highlighter.highlighter(32), **QUICK)
    finally:
        hook.remove()
    assert seen == [before] * QUICK["steps"]


def test_a_chunk_that_the_disk_damaged_is_not_used(pipeline: networks.Pipeline, monkeypatch: pytest.MonkeyPatch):
    real = kept.write

    def damaging(folder: Path, name: str, fill: Any) -> Path:
        path = real(folder, name, fill)
        DAMAGES["middle"](path)
        return path

    monkeypatch.setattr(kept, "write", damaging)
    with pytest.raises(InputError, match=r"chunk\S+: damaged since it was written; run the same again") as told:
        library.train_highlighter(pipeline, tiny.tiny_images(), steps=1, map_steps=3, weights=README)
    assert "learning_rate" not in str(told.value)
