"""Every argument of every public function with values that it cannot take: one line that names the argument."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from selfrefine import library
from selfrefine.core.errors import InputError
from selfrefine.library import given
from tests.support import tiny, tiny_families, tiny_highlighter

NAN, INFINITE = float("nan"), float("inf")
WORDS: tuple[Any, ...] = (None, "3", "", [], (8, 8), {}, True, False, 1j, np.ones(2), torch.ones(2), object())
FRACTIONS: tuple[Any, ...] = (1.5, -1, -(10**30), NAN, INFINITE, np.float64("nan"))
OF_KIND: dict[str, tuple[Any, ...]] = {
    "count": (*WORDS, *FRACTIONS, 0, np.int64(0)),
    "index": (*WORDS, *FRACTIONS),
    "rate": (*WORDS, NAN, INFINITE, -INFINITE, -1e-3, 0, 0.0, 2.0, np.float32("inf")),
    "weight": (*WORDS, NAN, INFINITE, -INFINITE, -0.01, np.float32("nan")),
    "share": (*WORDS, NAN, INFINITE, -0.01, 1.01, 2),
    "flag": (None, 0, 1, "yes", "", 1.0, [], np.bool_(True)),
    "place": (None, 3, 1.5, b"x", [], "", "a\0b", True),
    "file": (3, 1.5, b"x", [], "", "a\0b", True, "absent.safetensors", "."),
    "word": (*WORDS, 3, "gpu", "float16", "AUTO", "cuda:0"),
}
OF_KIND |= {
    f"{kind} or none": tuple(value for value in OF_KIND[kind] if value is not None)
    for kind in ("count", "rate", "place")
}
INPUT_SIZE = [*(value for value in OF_KIND["count"] if value is not None), 48, 16]


def bad_images() -> list[Any]:
    good = tiny.tiny_images(12)
    return [
        None,
        "photos",
        list(good),
        torch.from_numpy(good),
        good / 255.0,
        good.astype(np.int64),
        good[0],
        good[..., 0],
        good[..., :2],
        good[:0],
        good.transpose(0, 3, 1, 2),
        np.array(3, np.uint8),
    ]


def frozen() -> Any:
    pipeline = tiny.tiny_pipeline()
    pipeline.unet.requires_grad_(False)
    return pipeline


def not_finite(module: Any) -> Any:
    list(module.parameters())[-1].data.fill_(NAN)
    return module


def with_nan() -> Any:
    pipeline = tiny.tiny_pipeline()
    not_finite(pipeline.unet)
    return pipeline


def made_in_inference_mode() -> Any:
    with torch.inference_mode():
        return tiny.tiny_pipeline()


def bad_pipelines() -> list[Any]:
    made = tiny.tiny_pipeline()
    return [
        None,
        "my_pipeline",
        Path("my_pipeline"),
        made.unet,
        made.components,
        SimpleNamespace(unet=made.unet),
        SimpleNamespace(unet=None, scheduler=made.scheduler),
        SimpleNamespace(unet=torch.nn.Linear(2, 2), scheduler=made.scheduler),
        tiny.tiny_pipeline().to(torch.float64),
        tiny_families.FOREIGN["inpainting of latents"][0](),
        with_nan(),
        made_in_inference_mode(),
    ]


def bad_highlighters() -> list[Any]:
    own = tiny_highlighter.highlighter(32)
    return [None, "vgg16", own.features, own.state_dict(), tiny.tiny_pipeline(), not_finite(own)]


def bad_maps() -> list[Any]:
    good = np.zeros((3, 32, 32), np.float32)
    return [None, "maps", list(good), good[0], good[:2], good[:, :16], good - 0.1, good + 1.1, good + NAN, good > 0]


KINDS: dict[str, dict[str, str]] = {
    "load_images": {"folder": "place", "size": "count"},
    "train_highlighter": {
        "steps": "count",
        "n_fakes": "count",
        "batch_size": "count",
        "learning_rate": "rate",
        "map_steps": "count",
        "horizontal_flip": "flag",
        "seed": "index",
    },
    "highlight": {
        "real": "place",
        "fake": "place",
        "out": "place",
        "highlighter": "file",
        "weights": "file",
        "steps": "count or none",
        "batch_size": "count or none",
        "learning_rate": "rate or none",
        "seed": "index",
        "device": "word",
        "precision": "word",
    },
    "flaw_maps": {"n_images": "count", "map_steps": "count", "seed": "index"},
    "show": {"path": "place"},
    "refine": {
        "steps": "count",
        "forward_weight": "weight",
        "reverse_weight": "weight",
        "cycle": "count",
        "map_images": "count",
        "map_steps": "count",
        "batch_size": "count",
        "learning_rate": "rate",
        "ema_decay": "share",
        "horizontal_flip": "flag",
        "lora": "index",
        "lora_folder": "place or none",
        "seed": "index",
    },
}
MADE: dict[str, Callable[[], list[Any]]] = {
    "pipeline": bad_pipelines,
    "images": bad_images,
    "highlighter": bad_highlighters,
    "maps": bad_maps,
    "weights": lambda: [value for value in OF_KIND["place"] if value is not None] + ["absent.safetensors", "."],
    "input_size": lambda: INPUT_SIZE,
    # Of a network that is told nothing; what others are told is in test_kinds.py.
    "conditions": lambda: [3, "a red bag", ["a"], library.Conditions([0] * 12), library.Conditions(["a"] * 12), {}],
}


@pytest.fixture
def good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Arguments with which each function works."""
    monkeypatch.chdir(tmp_path)
    pipeline, images, highlighter = tiny.tiny_pipeline(), tiny.tiny_images(12), tiny_highlighter.highlighter(32)
    return {
        "load_images": {"folder": ".", "size": 8},
        "train_highlighter": {"pipeline": pipeline, "images": images, "steps": 1, "map_steps": 3},
        "highlight": {"real": ".", "fake": ".", "out": "out"},
        "flaw_maps": {"pipeline": pipeline, "highlighter": highlighter, "n_images": 1, "map_steps": 3},
        "show": {"images": images[:3], "maps": np.zeros((3, 32, 32), np.float32), "path": "maps.png"},
        "refine": {"pipeline": pipeline, "images": images, "highlighter": highlighter, "steps": 1, "map_steps": 3},
    }


FUNCTIONS = [name for name in library.__all__ if inspect.isfunction(getattr(library, name))]
ARGUMENTS = [
    (name, argument) for name in FUNCTIONS for argument in inspect.signature(getattr(library, name)).parameters
]


def refusal(name: str, arguments: dict[str, Any]) -> str:
    """The line with which a function refuses its arguments."""
    with pytest.raises(InputError) as fault:
        getattr(library, name)(**arguments)
    line = str(fault.value)
    assert "\n" not in line
    assert len(line) < 500
    assert "params.yaml" not in line
    assert "delete" not in line
    return line


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=[".".join(pair) for pair in ARGUMENTS])
def test_a_bad_value_is_one_line_that_names_the_argument(good, name, argument):
    values = [*OF_KIND[KINDS[name][argument]]] if argument in KINDS[name] else MADE[argument]()
    assert len(values) >= 6
    for value in values:
        line = refusal(name, good[name] | {argument: value})
        assert line.startswith((f"{argument} ", f"{argument}: ")), (value, line)
        assert any(words in line for words in ("needed", "name", "call ", "outside", "load it", "leave")), line
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "path", ["nowhere/maps.png", "maps", "maps.jpg", ".png/maps.png", "/proc/nowhere/maps.png", "."]
)
def test_a_picture_goes_where_one_can_be_written(good, path):
    assert refusal("show", good["show"] | {"path": path}).startswith("path is ")


def test_numpys_numbers_are_numbers(good):
    numbers = {"steps": np.int64(1), "seed": np.uint8(1), "map_images": np.int32(2), "map_steps": np.int16(3)}
    rates = {"learning_rate": np.float32(0.01), "ema_decay": np.float64(0.5), "forward_weight": 0, "reverse_weight": 1}
    refined = library.refine(**good["refine"] | numbers | rates)
    assert torch.cat([value.flatten() for value in refined.unet.state_dict().values()]).isfinite().all()


# -- what is around a call ---------------------------------------------------------------------------------------------


def weights(pipeline: Any) -> torch.Tensor:
    return torch.cat([value.flatten() for value in pipeline.unet.state_dict().values()])


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_gradients_are_the_functions_own_affair(good, around):
    plain = library.refine(**good["refine"] | {"map_images": 2})
    with around():
        inside = library.refine(**good["refine"] | {"map_images": 2})
        images, maps = library.flaw_maps(**good["flaw_maps"])
    assert torch.equal(weights(inside), weights(plain))
    outside = library.flaw_maps(**good["flaw_maps"])
    assert np.array_equal(images, outside[0])
    assert np.array_equal(maps, outside[1])


def test_a_frozen_network_is_told_and_a_partly_frozen_one_keeps_its_part(good):
    assert refusal("refine", good["refine"] | {"pipeline": frozen()}).endswith(
        "call pipeline.unet.requires_grad_(True)"
    )
    library.flaw_maps(**good["flaw_maps"] | {"pipeline": frozen()})
    partly = frozen()
    partly.unet.conv_out.requires_grad_(True)
    refined = library.refine(**good["refine"] | {"pipeline": partly, "ema_decay": 0.0, "map_images": 2})
    changed = {
        name
        for name, value in refined.unet.state_dict().items()
        if not torch.equal(value, partly.unet.state_dict()[name])
    }
    assert changed == {"conv_out.weight", "conv_out.bias"}


# -- what only shows while it runs: the remedy is the caller's ---------------------------------------------------------


def test_a_loss_that_is_not_finite_sends_to_the_argument(good):
    line = refusal("refine", good["refine"] | {"forward_weight": 1e38, "map_images": 2})
    assert line.startswith("loss is ")
    assert line.endswith("; lower learning_rate")


def test_weights_that_nobody_delivers_send_to_the_argument(good, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(given, "PROVIDERS", ("folder",))
    line = refusal("train_highlighter", good["train_highlighter"])
    assert line.startswith("weights: ")
    assert line.endswith("pass safetensors of VGG16, or allow a download")


def test_a_file_that_is_no_safetensors_is_not_to_be_deleted(good, tmp_path):
    path = tmp_path / "vgg16.pth"
    torch.save({}, path)
    assert "not a readable safetensors file" in refusal(
        "train_highlighter", good["train_highlighter"] | {"weights": path}
    )
    assert path.is_file()
