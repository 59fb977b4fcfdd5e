"""Every kind of pipeline that the library takes, by tiny pipelines of diffusers' own classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from selfrefine import library, networks
from selfrefine.core.errors import InputError
from selfrefine.guidance import attention_modulation
from selfrefine.library.subject import Subject
from tests.support import plain_loop, tiny_highlighter, tiny_kinds
from tests.support.tiny_kinds import KINDS

QUICK: dict[str, Any] = {"steps": 3, "map_images": 4, "map_steps": 3, "cycle": 2, "learning_rate": 0.01, "seed": 5}
FLAT: dict[str, Any] = QUICK | {"ema_decay": 0.0, "forward_weight": 0.0, "reverse_weight": 0.0}


@pytest.fixture(scope="module")
def highlighter() -> Any:
    return tiny_highlighter.highlighter(32)


def images_of(name: str) -> np.ndarray:
    found = tiny_kinds.images()
    return np.repeat(found[..., :1], 3, axis=3) if name == "grey" else found


def refined(name: str, highlighter: Any, **options: Any) -> tuple[Any, Any]:
    kind = KINDS[name]
    given = kind.pipeline()
    made = library.refine(given, images_of(name), highlighter, conditions=kind.conditions(), **options)
    return given, made


def state(pipeline: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in Subject(pipeline).network.state_dict().items()}


def plain_training(name: str, folder: Path) -> dict[str, torch.Tensor]:
    subject = Subject(KINDS[name].pipeline())
    call = plain_loop.masked if subject.kind.masked else plain_loop.positional
    plain_loop.train(subject, images_of(name), KINDS[name].conditions(), FLAT, folder, call)
    return state(subject.pipeline)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "transformer of ours"])
def test_weights_of_zero_are_plain_training_bit_for_bit(name: str, highlighter: Any, tmp_path: Any):
    given, made = refined(name, highlighter, **FLAT)
    expected, found = plain_training(name, tmp_path), state(made)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert not all(torch.equal(value, state(given)[key]) for key, value in found.items())


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_refined_and_stock_diffusers_takes_it(name: str, highlighter: Any, tmp_path: Any):
    kind = KINDS[name]
    before = {key: value.clone() for key, value in every_weight(kind.pipeline()).items()}
    given, made = refined(name, highlighter, **QUICK)
    assert all(torch.equal(value, before[key]) for key, value in every_weight(given).items())
    trained = Subject(made).kind.network
    changed = {key for key, value in every_weight(made).items() if not torch.equal(value, before[key])}
    assert changed
    assert all(key.startswith(f"{trained}.") for key in changed)  # autoencoder and text encoder are frozen

    made.save_pretrained(tmp_path / "refined")
    loaded = DiffusionPipeline.from_pretrained(tmp_path / "refined")
    assert type(loaded) is type(given)
    assert all(torch.equal(value, every_weight(made)[key]) for key, value in every_weight(loaded).items())
    if name != "transformer of ours":
        assert np.isfinite(kind.infer(loaded)).all()
    assert library.flaw_maps(
        networks.load_any(tmp_path / "refined", torch.device("cpu")),
        highlighter,
        n_images=3,
        map_steps=3,
        conditions=kind.conditions(),
    )[1].shape == (3, 32, 32)


def every_weight(pipeline: Any) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{name}": value
        for part, module in pipeline.components.items()
        if isinstance(module, torch.nn.Module)
        for name, value in module.state_dict().items()
    }


@pytest.mark.parametrize("name", KINDS)
def test_both_weights_enter(name: str, highlighter: Any):
    plain = state(refined(name, highlighter, **FLAT)[1])
    for weights in ({"forward_weight": 0.5}, {"reverse_weight": 0.5}):
        _, made = refined(name, highlighter, **FLAT | weights)
        assert not all(torch.equal(value, plain[key]) for key, value in state(made).items()), weights
        _, again = refined(name, highlighter, **FLAT | weights)
        assert all(torch.equal(value, state(again)[key]) for key, value in state(made).items()), weights


@pytest.mark.parametrize(
    ("name", "count"), [("stable diffusion 1", 4), ("stable diffusion 2", 4), ("dit", 2), ("pixart", 2)]
)
def test_every_self_attention_of_a_transformer_block_is_modulated(name: str, count: int):
    found = attention_modulation.self_attentions(Subject(KINDS[name].pipeline()).network)
    named = dict(Subject(KINDS[name].pipeline()).network.named_modules())
    assert len(found) == count == len([key for key in named if key.endswith("attn1")])


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.shows])
def test_what_images_show_decides_what_is_learnt_and_drawn(name: str, highlighter: Any):
    kind = KINDS[name]
    turned = library.Conditions([*reversed(kind.conditions().of_images)])
    one, other = (
        state(library.refine(kind.pipeline(), images_of(name), highlighter, conditions=told, **FLAT))
        for told in (kind.conditions(), turned)
    )
    assert not all(torch.equal(value, other[key]) for key, value in one.items())
    drawn = [
        library.flaw_maps(kind.pipeline(), highlighter, n_images=3, map_steps=3, conditions=told)[0]
        for told in (kind.conditions(3), library.Conditions([kind.shows[0]] * 3))
    ]
    assert np.array_equal(drawn[0][0], drawn[1][0])
    assert not np.array_equal(drawn[0][1:], drawn[1][1:])


@pytest.mark.parametrize("name", ["stable diffusion 1", "stable diffusion 2", "dit", "pixart"])
def test_guidance_changes_the_images_behind_maps(name: str, highlighter: Any):
    kind = KINDS[name]
    one, other = (
        library.flaw_maps(
            kind.pipeline(), highlighter, n_images=3, map_steps=3, conditions=kind.conditions(guidance_scale=scale)
        )[0]
        for scale in (1.0, 5.0)
    )
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", ["classes", "latents kl", "stable diffusion 1", "dit"])
def test_a_highlighter_is_trained_for_a_kind(name: str, tmp_path: Any):
    kind, weights = KINDS[name], tiny_highlighter.write_weights(tmp_path / "vgg16.safetensors")
    how = {"steps": 1, "map_steps": 3, "batch_size": 2, "weights": weights, "conditions": kind.conditions()}
    assert library.train_highlighter(kind.pipeline(), images_of(name), **how).input_size == 32


CAPTIONED, CLASSED = "stable diffusion 1", "classes"


@pytest.mark.parametrize(
    ("name", "conditions", "told"),
    [
        (CLASSED, None, "the pipeline is told class numbers 0 to 2: one an image needed"),
        (CAPTIONED, None, "the pipeline is told captions: one an image needed"),
        ("epsilon", library.Conditions([0] * 24), "the pipeline is told nothing; leave them out"),
        (CLASSED, library.Conditions([0] * 23), "23 given; 24, one an image, needed"),
        (CLASSED, library.Conditions([0] * 23 + [3]), "3 given; class numbers 0 to 2 needed"),
        (CLASSED, library.Conditions([0] * 23 + [-1]), "-1 given; class numbers 0 to 2 needed"),
        (CLASSED, library.Conditions([True] * 24), "True given; class numbers 0 to 2 needed"),
        (CLASSED, library.Conditions(["a"] * 24), "'a' given; class numbers 0 to 2 needed"),
        (CLASSED, library.Conditions([0] * 24, guidance_scale=2.0), "the network knows no null class"),
        (CAPTIONED, library.Conditions([0] * 24), "0 given; captions needed"),
        (CAPTIONED, library.Conditions("a red bag"), "a list, one an image, needed"),
        (CAPTIONED, library.Conditions([]), "a list, one an image, needed"),
        (CAPTIONED, library.Conditions(["a"] * 24, guidance_scale=-1.0), "guidance_scale is -1.0"),
        (CAPTIONED, library.Conditions(["a"] * 24, guidance_scale=float("nan")), "guidance_scale is nan"),
        (CAPTIONED, library.Conditions(["a"] * 24, dropout=1.5), "dropout is 1.5; a number, 0 to 1, needed"),
        (CAPTIONED, ["a"] * 24, "list given; library.Conditions needed"),
    ],
)
def test_conditions_that_do_not_fit_are_one_line(name: str, conditions: Any, told: str, highlighter: Any):
    with pytest.raises(InputError) as fault:
        library.refine(KINDS[name].pipeline(), images_of(name), highlighter, conditions=conditions, **QUICK)
    assert str(fault.value).startswith("conditions: ")
    assert told in str(fault.value)
    assert "\n" not in str(fault.value)


def test_latents_are_not_mirrored(highlighter: Any):
    with pytest.raises(InputError, match="horizontal_flip is True; a pipeline of latents takes False"):
        refined("latents kl", highlighter, **QUICK, horizontal_flip=True)
