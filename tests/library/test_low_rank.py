"""Low-rank weights in the place of all: against peft's and diffusers' own calls, in memory, in folders, refused."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
from diffusers import UNet2DConditionModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from torch.optim.optimizer import register_optimizer_step_post_hook

from selfrefine import library
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.guidance.attention_modulation import modulated
from selfrefine.library import low_rank
from selfrefine.library import steps as method
from selfrefine.library.conditions import Told
from selfrefine.library.refine import refinement, settings
from selfrefine.library.subject import Subject
from selfrefine.training.trainer import Trainer
from tests.support import plain_loop, tiny_highlighter, tiny_kinds
from tests.support.tiny_kinds import KINDS

ROOT = Path(__file__).parents[2]
RANK = 2
QUICK: dict[str, Any] = {"steps": 3, "map_images": 4, "map_steps": 3, "cycle": 2, "learning_rate": 0.01, "seed": 5}
QUICK |= {"ema_decay": 0.15}  # below that of the second and third update as it warms up
FLAT: dict[str, Any] = QUICK | {"forward_weight": 0.0, "reverse_weight": 0.0}
CAPTIONED = "stable diffusion 2"
WEIGHTS = "pytorch_lora_weights.safetensors"


@pytest.fixture(scope="module")
def highlighter() -> Any:
    return tiny_highlighter.highlighter(32)


def refined(name: str, highlighter: Any, given: Any = None, **options: Any) -> Any:
    pipeline = KINDS[name].pipeline() if given is None else given
    told = {"conditions": KINDS[name].conditions(), "lora": RANK}
    return library.refine(pipeline, tiny_kinds.images(), highlighter, **told | options)


def state(pipeline: Any) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in Subject(pipeline).network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(value, other[name]) for name, value in one.items())


def by_hand(name: str, folder: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """A pipeline with low-rank weights as diffusers or peft add them, trained plainly; the weights' average."""
    subject = Subject(KINDS[name].pipeline())
    targets = ["to_k", "to_q", "to_v", "to_out.0"]
    how = peft.LoraConfig(r=RANK, lora_alpha=RANK, init_lora_weights="gaussian", target_modules=targets)
    torch.manual_seed(random_streams.stream_seed(FLAT["seed"], "weights", 0))
    if isinstance(subject.network, UNet2DConditionModel):
        subject.network.add_adapter(how)
    else:
        peft.inject_adapter_in_model(how, subject.network)
    average = plain_loop.train(subject, tiny_kinds.images(), KINDS[name].conditions(), FLAT, folder)
    subject.network.load_state_dict(average, strict=False)
    return subject, average


@pytest.mark.parametrize("name", ["epsilon", "learned variance", "dit", CAPTIONED])
def test_weights_of_zero_are_plain_training_of_peft_bit_for_bit(name: str, highlighter: Any, tmp_path: Path):
    kept = {"lora_folder": tmp_path / "lora"} if name == CAPTIONED else {}
    given = KINDS[name].pipeline()
    before = state(given)
    found = state(refined(name, highlighter, given, **FLAT, **kept))
    assert same(state(given), before)
    subject, average = by_hand(name, tmp_path)
    if kept:
        written = load_file(tmp_path / "lora" / WEIGHTS)
        assert same(
            {key: written[key] for key in sorted(written)},
            {f"unet.{key.replace('.default', '')}": average[key] for key in sorted(average)},
        )
    layers = {key: layer for key, layer in subject.network.named_modules() if isinstance(layer, LoraLayer)}
    for key, layer in layers.items():
        layer.merge()
        assert torch.equal(found.pop(f"{key}.weight"), layer.base_layer.weight)
        assert not torch.equal(layer.base_layer.weight, before.pop(f"{key}.weight"))
    assert layers
    assert same(found, before)  # all else is as it was


def test_stock_diffusers_takes_the_weights_of_a_folder(highlighter: Any, tmp_path: Path):
    name = "stable diffusion 1"
    made = refined(name, highlighter, **QUICK, lora_folder=tmp_path / "lora")
    stock, drawn = KINDS[name].pipeline(), {}
    stock.load_lora_weights(tmp_path / "lora")
    for key, pipeline in (("stock", stock), ("ours", made), ("given", KINDS[name].pipeline())):
        torch.manual_seed(0)
        drawn[key] = KINDS[name].infer(pipeline)
    assert np.abs(drawn["stock"] - drawn["ours"]).max() < 1e-5 < np.abs(drawn["given"] - drawn["ours"]).max()
    stock.fuse_lora()
    stock.unload_lora_weights()
    assert same(state(stock), state(made))
    assert same(state(low_rank.load(Subject(KINDS[name].pipeline()), tmp_path / "lora").pipeline), state(made))


def test_both_weights_enter(highlighter: Any):
    plain = state(refined("epsilon", highlighter, **FLAT))
    for weights in ({"forward_weight": 0.5}, {"reverse_weight": 0.5}):
        assert not same(state(refined("epsilon", highlighter, **FLAT | weights)), plain), weights


@pytest.mark.parametrize("name", ["epsilon", CAPTIONED, "dit"])
def test_the_map_scales_keys_and_values_after_the_low_rank_weights(name: str):
    """As if these were part of the projection: the network computes under a map what the merged one does."""
    given = Subject(KINDS[name].pipeline())
    trained = low_rank.added(given, RANK, 0)
    draws = torch.Generator().manual_seed(0)
    for key, value in trained.network.named_parameters():
        if value.requires_grad:
            value.data = torch.randn(value.shape, generator=draws)
            assert ".lora_" in key
    size = trained.network.config.sample_size
    noisy, field = (torch.rand(shape, generator=draws) for shape in ((2, 3, size, size), (16, 16)))
    shown = {CAPTIONED: [torch.rand((2, 24, 8), generator=draws)], "dit": [torch.tensor([0, 2])]}
    said = []
    for subject in (trained, low_rank.merged(given, trained), given):
        subject.network.eval()
        for weight in (0.0, 2.0):
            with torch.no_grad(), modulated(subject.network, field, weight):
                said.append(subject.network(noisy, torch.tensor([3, 7]), *shown.get(name, [])).sample)
    assert torch.allclose(said[0], said[2], atol=1e-4)
    assert torch.allclose(said[1], said[3], atol=1e-4)
    for one, other in ((0, 1), (0, 4), (1, 5)):  # the map enters, the low-rank weights enter
        assert (said[one] - said[other]).abs().max() > 1e-3


# -- memory ------------------------------------------------------------------------------------------------------------


def held(subject: Subject, trainer: Trainer) -> int:
    """Bytes of all weights and of what belongs to them, in the middle of an update."""
    own = [*subject.network.parameters(), *trainer.network.parameters()]
    kept = [*own, *trainer.ema.values(), *(value.grad for value in own if value.grad is not None)]
    kept += [state[key] for state in trainer.optimiser.state.values() for key in ("exp_avg", "exp_avg_sq")]
    return sum({value.data_ptr(): value.untyped_storage().nbytes() for value in kept}.values())


@pytest.mark.parametrize("lora", [0, RANK])
def test_bytes_that_the_device_holds(lora: int, highlighter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """24 a weight; with low-rank weights 4, and 20 of each of those."""
    made: list[Any] = []
    real = Trainer.__init__

    def watched(self: Trainer, *given: Any, **options: Any) -> None:
        real(self, *given, **options)
        made.append(self)

    monkeypatch.setattr(Trainer, "__init__", watched)
    subject, found = Subject(KINDS["epsilon"].pipeline()), []
    hook = register_optimizer_step_post_hook(lambda *_: found.append(held(subject, made[0])))
    try:
        refined("epsilon", highlighter, subject.pipeline, **FLAT | {"steps": 1}, lora=lora)
    finally:
        hook.remove()
    weights = sum(value.numel() for value in subject.network.parameters())
    added = sum(value.numel() for value in made[0].parameters.values())
    assert found == [4 * weights + 20 * added if lora else 24 * weights]
    assert added < weights / 4 if lora else added == weights


def test_the_numbers_of_the_page_are_those_of_stable_diffusion_1():
    with torch.device("meta"):
        network = UNet2DConditionModel(sample_size=64, cross_attention_dim=768)
    weights = sum(value.numel() for value in network.parameters())
    shapes = [layer.weight.shape for layer in low_rank._projections(network)]
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "library.md").read_text(encoding="utf-8"))
    told = re.search(
        r"Stable Diffusion 1 has ([\d,]+) weights, .*? rank (\d+) take ([\d.]+) GB .*? of ([\d.]+) GB", page
    )
    assert told
    added = sum(int(told[2]) * sum(shape) for shape in shapes)
    assert told[1] == f"{weights:,}"
    assert (told[3], told[4]) == (f"{(4 * weights + 20 * added) / 1e9:.1f}", f"{24 * weights / 1e9:.1f}")


# -- what is around a call ---------------------------------------------------------------------------------------------


def test_a_frozen_network_is_trained_so_and_stays_frozen(highlighter: Any):
    given = KINDS["epsilon"].pipeline()
    given.unet.requires_grad_(False)
    random = torch.get_rng_state()
    made = refined("epsilon", highlighter, given, **FLAT)
    assert torch.equal(random, torch.get_rng_state())
    assert same(state(made), state(refined("epsilon", highlighter, **FLAT)))
    assert not any(value.requires_grad for pipeline in (given, made) for value in pipeline.unet.parameters())
    again = state(refined("epsilon", highlighter, **FLAT | {"seed": 6}))
    assert not same(state(made), again)


def test_a_training_that_was_stopped_goes_on_from_its_small_state(highlighter: Any, tmp_path: Path):
    subject = Subject(KINDS["epsilon"].pipeline())
    how, use = settings(6, 8, 0.01, 0.5, False, 0.0), refinement(0.5, 0.5, 2)

    def run(scratch: str) -> method.Trained:
        return method.trained_on(
            subject,
            tiny_kinds.images(),
            highlighter,
            how,
            use,
            method.MapRecipe(4, 3),
            told=Told(),
            seed=0,
            scratch=tmp_path / scratch,
            lora=RANK,
            checkpoint_every=2,
        )

    updates: list[int] = []

    def stop(*_: Any) -> None:
        updates.append(1)
        if len(updates) == 4:
            raise KeyboardInterrupt

    hook = register_optimizer_step_post_hook(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            run("stopped")
    finally:
        hook.remove()
    (kept,) = (tmp_path / "stopped").glob("checkpoint*.safetensors")
    tensors = load_file(kept)
    assert {name.rpartition("/")[0] for name in tensors} >= {"weights", "ema", "exp_avg", "exp_avg_sq"}
    assert all(".lora_" in name for name in tensors if name.startswith(("weights/", "ema/", "exp_avg")))
    gone_on, whole = run("stopped"), run("whole")
    assert same(gone_on.low_rank, whole.low_rank)
    assert same(state(gone_on.subject.pipeline), state(whole.subject.pipeline))


def without_attention() -> Any:
    kinds = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "add_attention": False}
    return tiny_kinds.pixels(**kinds)


def laid_on() -> Any:
    pipeline = KINDS["stable diffusion 1"].pipeline()
    pipeline.unet.add_adapter(peft.LoraConfig(r=1, target_modules=["to_k"]))
    return pipeline


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (KINDS["epsilon"].pipeline, {"lora": 9}, "lora is 9; 0 to 8, the width of its narrowest projection, needed"),
        (KINDS["epsilon"].pipeline, {"lora": -1}, "lora is -1; a whole number, 0 or more, needed"),
        (KINDS["transformer of ours"].pipeline, {"lora": 1}, "lora is 1; 0 needed: UViT has no attention with linear"),
        (without_attention, {"lora": 1, "reverse_weight": 0}, "lora is 1; 0 needed: UNet2DModel has no attention"),
        (laid_on, {"lora": 1}, "pipeline: holds LoRA weights; call pipeline.fuse_lora() and"),
        (KINDS["dit"].pipeline, {"lora": 1, "lora_folder": "new"}, "lora_folder: stock diffusers loads none into this"),
        (KINDS["stable diffusion 1"].pipeline, {"lora_folder": "new"}, "lora_folder: given, but lora is 0"),
        (KINDS["stable diffusion 1"].pipeline, {"lora": 1, "lora_folder": "."}, "lora_folder is ., which is there"),
    ],
)
def test_what_does_not_fit_is_one_line(
    make: Any, options: dict[str, Any], told: str, highlighter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as fault:
        library.refine(make(), tiny_kinds.images(), highlighter, **QUICK | options)
    assert str(fault.value).startswith(told)
    assert "\n" not in str(fault.value)
    assert not list(tmp_path.iterdir())


def test_without_peft_a_line_says_what_to_install(monkeypatch):
    given = KINDS["epsilon"].pipeline()  # diffusers has found peft, and asks for it
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"^lora: needs peft, which is not installed; pip install peft"):
        refined("epsilon", None, given, **QUICK)
