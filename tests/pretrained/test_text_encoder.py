"""Embeddings against transformers called by itself, one caption at a time; folders and their faults."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel, CLIPConfig, CLIPModel, GPT2Config, GPT2Model

from selfrefine.core import arrays as core_arrays
from selfrefine.core.errors import InputError
from selfrefine.pretrained import text_encoder
from selfrefine.pretrained.text_encoder import TextEncoder
from tests.support import tiny_text

CAPTIONS = ["", "a photo of a bag", "an ankle boot", "bags , boots .", "\u65e5\u672c \U0001f680", "a " * 30, "A  Photo"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tiny_text.sealed(tmp_path_factory.mktemp("encoder") / "text_encoder")


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    return tiny_text.published(tmp_path_factory.mktemp("published") / "mine")


def alone(caption: str, tokens: int) -> torch.Tensor:
    """One caption by transformers itself: words looked up here, no padding by the tokenizer, no batch."""
    model, tokenizer = tiny_text.parts()
    words = tokenizer.tokenize(caption)[: tokens - 2]
    ids = [tiny_text.WORDS.index(word) for word in ["[CLS]", *words, "[SEP]"]]
    ids += [tiny_text.WORDS.index("[PAD]")] * (tokens - len(ids))
    with torch.no_grad():
        return model(torch.tensor([ids])).last_hidden_state[0]


@pytest.mark.parametrize("tokens", [3, 7, 12])
def test_embeddings_are_those_of_each_caption_alone(folder: Path, tokens: int):
    encoder = text_encoder.load(folder, tokens)
    embedded = encoder.embed(CAPTIONS)
    assert (embedded.shape, embedded.dtype) == ((7, tokens, tiny_text.WIDTH), torch.float32)
    for row, caption in zip(embedded, CAPTIONS, strict=True):
        assert torch.allclose(row, alone(caption, tokens), atol=1e-6)


def test_embeddings_are_those_of_diffusers_own_pipeline(folder: Path):
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

    encoder = text_encoder.load(folder, 7)
    unet = UNet2DConditionModel(
        sample_size=4,
        block_out_channels=(4, 4),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=2,
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=tiny_text.WIDTH,
    )
    vae = AutoencoderKL(block_out_channels=(4,), norm_num_groups=2)
    scheduler = DDIMScheduler(clip_sample=False, steps_offset=1)
    parts = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = StableDiffusionPipeline(vae, encoder.model, encoder.tokenizer, unet, scheduler, **parts)
    for caption in CAPTIONS:
        given, empty = pipeline.encode_prompt(caption, "cpu", 1, do_classifier_free_guidance=True)
        assert torch.allclose(encoder.embed([caption]), given, atol=1e-6)
        assert torch.allclose(encoder.embed([text_encoder.NO_CAPTION]), empty, atol=1e-6)


def test_different_captions_differ_and_equal_words_agree(folder: Path):
    embedded = text_encoder.load(folder).embed([*CAPTIONS, "a photo"])
    assert torch.allclose(embedded[6], embedded[7], atol=1e-6)  # this tokenizer knows no case
    distances = torch.cdist(embedded[:7].flatten(1), embedded[:7].flatten(1)) + 9 * torch.eye(7)
    assert distances.min() > 0.1


def test_long_captions_are_counted_and_cut(folder: Path):
    encoder = text_encoder.load(folder, 6)  # four words between the two signs of BERT
    assert encoder.too_long(["a photo of a", "a photo of a bag", "", "bags boots"]) == 1
    whole, cut = encoder.embed(["a photo of a", "a photo of a bag"])
    assert torch.equal(whole, cut)


def test_without_a_number_of_tokens_the_model_decides(folder: Path):
    assert text_encoder.load(folder).tokens == tiny_text.MOST_TOKENS
    assert text_encoder.load(folder, 5).tokenizer.model_max_length == 5


@pytest.mark.parametrize("tokens", [0, 2, 13])
def test_tokens_that_the_model_does_not_take_are_refused(folder: Path, tokens: int):
    with pytest.raises(InputError, match=f"encode_captions.tokens is {tokens}; .* takes 3 to 12$"):
        text_encoder.load(folder, tokens)


def test_a_folder_loads_in_plain_transformers_with_the_same_weights(folder: Path):
    loaded = BertModel.from_pretrained(folder, local_files_only=True).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tiny_text.parts()[0].state_dict().items())
    assert not any(tensor.requires_grad for tensor in text_encoder.load(folder).model.parameters())


def test_a_changed_or_missing_folder_is_refused(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"config.json: changed since it was made"):
        text_encoder.load(tmp_path / "copy")
    with pytest.raises(InputError, match="not a folder sealed by"):
        text_encoder.load(tmp_path / "none")


def test_the_text_half_of_a_whole_clip_is_taken(tmp_path: Path):
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**sizes, "vocab_size": len(tiny_text.WORDS), "max_position_embeddings": 12, "eos_token_id": 3}
    torch.manual_seed(0)
    clip = CLIPModel(CLIPConfig(text_config=text, vision_config={**sizes, "image_size": 8, "patch_size": 4})).eval()
    clip.save_pretrained(tmp_path)
    tokenizer = tiny_text.parts()[1]
    tokenizer.save_pretrained(tmp_path)
    model, read = text_encoder.read(tmp_path, tmp_path)
    ids = torch.tensor([[2, 5, 7, 3]])
    with torch.no_grad():
        expected = clip.text_model(input_ids=ids).last_hidden_state
        assert torch.equal(model(ids)[0], expected)
    text_encoder.save(model, read, tmp_path / "text_encoder")
    embedded = text_encoder.load(tmp_path / "text_encoder", 4).embed(["a photo"])
    assert torch.allclose(embedded, expected, atol=1e-6)
    written = load_file(tmp_path / "text_encoder" / "model.safetensors")
    assert not [name for name in written if "vision" in name]


def cut_off(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])


def without_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.layer.0.attention.self.key.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def as_pickle_only(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("from pathlib import Path\nPath('ran').touch()\nclass Config: pass\n")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut_off, "not a text encoder of transformers"),
        (without_a_tensor, "its weights lack 1 tensors, encoder.layer.0.attention.self.key.weight among them"),
        (as_pickle_only, "may be a pickle, which can run code; only safetensors are read"),
        (with_code, "names code (auto_map)"),
        (lambda folder: (folder / "tokenizer.json").write_text('{"model"'), "not a text encoder of transformers"),
        (lambda folder: (folder / "config.json").write_text("<html>"), "not JSON"),
    ],
    ids=["cut", "incomplete", "pickle", "code", "tokenizer", "config"],
)
def test_a_damaged_folder_is_told_in_one_line(published: Path, tmp_path: Path, monkeypatch, damage, told: str):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(published, "copy")
    damage(Path("copy"))
    with pytest.raises(InputError) as error:
        text_encoder.read(Path("copy"), Path("copy"))
    assert str(error.value).startswith("copy")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert not Path("ran").exists()


def test_a_model_that_embeds_no_captions_is_not_saved(tmp_path: Path):
    model = GPT2Model(GPT2Config(vocab_size=15, n_embd=8, n_layer=1, n_head=2, n_positions=12))
    tokenizer = tiny_text.parts()[1]
    tokenizer.pad_token = None
    with pytest.raises(InputError, match=r"GPT2Model embeds no captions: .*pad"):
        text_encoder.save(model, tokenizer, tmp_path / "text_encoder")
    assert not list(tmp_path.iterdir())


def test_distinct_captions_stand_in_one_order_after_the_empty_one():
    train, test = ["b", "a", "", "b", "\u00e9"], ["c", "a"]
    among = text_encoder.distinct(train, test)
    assert among == ["", "a", "b", "c", "\u00e9"] == text_encoder.distinct(test[::-1], train[::-1])
    assert text_encoder.distinct([]) == [""]
    rows = text_encoder.rows(train, among)
    assert rows.dtype == np.int64
    assert [among[row] for row in rows] == train
    assert text_encoder.rows([], among).shape == (0,)


def test_all_chunks_have_one_size_and_the_last_begins_again(folder: Path, tmp_path: Path):
    encoder = text_encoder.load(folder, 5)
    parts = text_encoder.encode(encoder, CAPTIONS, tmp_path, label="test", chunk_size=3)
    arrays = [core_arrays.read_array(path) for path in parts]
    assert [array.shape for array in arrays] == [(3, 5, tiny_text.WIDTH)] * 3
    assert {array.dtype for array in arrays} == {np.dtype(np.float16)}
    expected = torch.stack([alone(caption, 5) for caption in [*CAPTIONS, *CAPTIONS[:2]]])
    assert np.allclose(np.concatenate(arrays), expected, atol=2e-3)


def test_embeddings_beyond_half_precision_are_refused(tmp_path: Path):
    model, tokenizer = tiny_text.parts()
    tokenizer.model_max_length = 4
    with torch.no_grad():
        model.encoder.layer[0].output.LayerNorm.bias.fill_(1e5)
    with pytest.raises(InputError, match="embeddings are not finite or beyond float16"):
        text_encoder.encode(TextEncoder(model, tokenizer), ["a"], tmp_path, label="test", chunk_size=2)
    assert not list(tmp_path.iterdir())
