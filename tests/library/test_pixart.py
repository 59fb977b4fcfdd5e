"""PixArt: its network is called, told and masked as its own pipelines do it; what they drop is not trained."""

from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DiTPipeline, PixArtAlphaPipeline, PixArtSigmaPipeline

from selfrefine import library
from selfrefine.core import random_streams
from selfrefine.core.errors import InputError
from selfrefine.library import kinds, own_folder
from selfrefine.library.conditions import told_of
from selfrefine.library.subject import Subject
from tests.support import plain_loop, tiny, tiny_highlighter, tiny_kinds
from tests.support.tiny_kinds import KINDS

QUICK: dict[str, Any] = {"steps": 3, "map_images": 4, "map_steps": 3, "cycle": 2, "learning_rate": 0.01, "seed": 5}
TOKENS = {PixArtAlphaPipeline: 120, PixArtSigmaPipeline: 300}


@pytest.mark.parametrize("kind", TOKENS)
def test_a_network_says_what_it_says_in_its_own_pipeline(kind: Any, tmp_path: Path):
    pipeline = tiny_kinds.pixart(kind, DDIMScheduler(tiny.TIMESTEPS))
    subject, seen = Subject(pipeline), []
    captions = ["A blue SHOE ", "a red bag"]  # of unlike lengths
    told = told_of(subject, library.Conditions(captions), tmp_path).captions
    assert told is not None
    assert told.tokens == TOKENS[kind]
    hook = pipeline.transformer.register_forward_hook(
        lambda _, given, named, output: seen.append((*given, named, output[0])), with_kwargs=True
    )
    tiny_kinds.of_a_masked_prompt(pipeline, captions, guidance_scale=3.0)
    hook.remove()
    noisy, named, expected = seen[0]
    assert noisy.shape == (4, 3, 8, 8)  # without and with the prompts
    both = torch.cat([told.empty(2), told.of([0, 1])])
    assert torch.equal(both[..., -1], named["encoder_attention_mask"].float())
    assert 0 < both[..., -1].mean() < 0.1
    with torch.no_grad():
        assert torch.allclose(subject.network(noisy, named["timestep"], both).sample, expected, atol=2e-3)
        # Embeddings are kept in float16; beside that rounding nothing differs.
        exact = torch.cat([named["encoder_hidden_states"], both[..., -1:]], dim=-1)
        assert torch.equal(subject.network(noisy, named["timestep"], exact).sample, expected)
        other = subject.network(noisy, named["timestep"], exact.roll(1, 0)).sample
    assert not torch.allclose(other, expected, atol=2e-3)


def test_padding_is_not_read():
    network, draws = Subject(KINDS["pixart"].pipeline()).network, torch.Generator().manual_seed(0)
    noisy, told = torch.randn((1, 3, 8, 8), generator=draws), torch.randn((1, 6, 13), generator=draws)
    told[..., -1] = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    padded, changed = told.clone(), told.clone()
    padded[:, 3:, :-1] += 5.0
    changed[:, :3, :-1] += 5.0
    with torch.no_grad():
        plain, same, other = (network(noisy, torch.tensor([3]), given).sample for given in (told, padded, changed))
    assert torch.equal(plain, same)
    assert not torch.allclose(plain, other, atol=1e-3)


def test_a_network_of_sizes_is_told_that_of_its_images():
    """As PixArt-alpha of 1024 px is by its pipeline: height and width, and their ratio."""
    subject = Subject(tiny_kinds.pixart(use_additional_conditions=True, num_attention_heads=3, cross_attention_dim=12))
    noisy, told, times = torch.randn(2, 3, 8, 8), torch.rand(2, 5, 13), torch.tensor([3, 7])
    sides = {"resolution": torch.tensor([[16.0, 16.0]] * 2), "aspect_ratio": torch.ones(2, 1)}
    given = {
        "encoder_hidden_states": told[..., :-1].contiguous(),
        "encoder_attention_mask": told[..., -1],
        "timestep": times,
    }
    with torch.no_grad():
        expected = subject.part(noisy, **given, added_cond_kwargs=sides).sample
        assert torch.equal(subject.network(noisy, times, told).sample, expected)
        other = subject.part(noisy, **given, added_cond_kwargs=sides | {"resolution": torch.zeros(2, 2)}).sample
    assert not torch.equal(other, expected)


def test_what_is_said_of_variances_is_not_trained():
    kind = KINDS["pixart"]
    how = {"conditions": kind.conditions(), "ema_decay": 0.0, **QUICK}
    made = library.refine(kind.pipeline(), tiny_kinds.images(), tiny_highlighter.highlighter(32), **how)
    before, after = (pipeline.transformer.proj_out.weight for pipeline in (kind.pipeline(), made))
    of_noise = torch.arange(len(before)) % 6 < 3  # the channel is the last of a patch's axes
    assert not (before == after)[of_noise].any()
    assert torch.equal(before[~of_noise], after[~of_noise])


def test_low_rank_weights_are_merged(tmp_path: Path):
    """With weights of 0 as in a loop of its own in which peft has put them into the network."""
    kind = KINDS["pixart"]
    flat = QUICK | {"ema_decay": 0.0}
    how = flat | {"forward_weight": 0.0, "reverse_weight": 0.0, "conditions": kind.conditions(), "lora": 2}
    made = library.refine(kind.pipeline(), tiny_kinds.images(), tiny_highlighter.highlighter(32), **how)
    subject = Subject(kind.pipeline())
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    given = peft.LoraConfig(r=2, lora_alpha=2, init_lora_weights="gaussian", target_modules=targets)
    torch.manual_seed(random_streams.stream_seed(flat["seed"], "weights", 0))
    peft.inject_adapter_in_model(given, subject.part)
    plain_loop.train(subject, tiny_kinds.images(), kind.conditions(), flat, tmp_path, plain_loop.masked)
    layers = {key: layer for key, layer in subject.part.named_modules() if isinstance(layer, peft.tuners.lora.Linear)}
    assert len(layers) == 16  # both attentions of both blocks
    for key, layer in layers.items():
        layer.merge()
        assert torch.equal(made.transformer.state_dict()[f"{key}.weight"], layer.base_layer.weight)


def learned() -> Any:
    return tiny_kinds.pixart(scheduler=DDPMScheduler(tiny.TIMESTEPS, variance_type="learned_range"))


def another_pipeline() -> Any:
    parts = tiny_kinds.pixart().components
    return DiTPipeline(**{name: parts[name] for name in ("transformer", "vae", "scheduler")})


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (learned, "its scheduler has variance_type learned_range, which PixArtAlphaPipeline drops"),
        (another_pipeline, "DiTPipeline given; PixArtAlphaPipeline or PixArtSigmaPipeline needed"),
        (lambda: tiny_kinds.pixart(encoder=False), "PixArtAlphaPipeline without text_encoder and tokenizer"),
        (lambda: tiny_kinds.pixart(out_channels=9), "(3, 9) channels in and out; (3, 3) or (3, 6) needed"),
        (lambda: tiny_kinds.pixart().to(torch.float16), "weights are torch.float16; load it with torch.float32"),
    ],
)
def test_what_does_not_fit_is_one_line(make: Any, told: str):
    with pytest.raises(InputError) as fault:
        kinds.of(make())
    assert str(fault.value).startswith(f"pipeline: {told}")
    assert "\n" not in str(fault.value)


def test_a_tokenizer_of_pieces_alone_names_the_packages_that_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tiny_kinds.pixart().save_pretrained(tmp_path)
    own_folder.load(tmp_path, torch.device("cpu"))
    (tmp_path / "tokenizer" / "tokenizer.json").rename(tmp_path / "tokenizer" / "spiece.model")
    monkeypatch.setattr(own_folder, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"spiece\.model: needs two packages .*: pip install sentencepiece protobuf"):
        own_folder.load(tmp_path, torch.device("cpu"))
