"""What the tests of text-to-image share: random text encoders of few words, captions of the tiny images, a pipeline."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.diffusion.prompts import Captions
from selfrefine.pretrained import text_encoder
from selfrefine.pretrained.text_encoder import TextEncoder
from tests.support import tiny, tiny_latent

TOKENS, WIDTH, T5_WIDTH = 6, 8, 12
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "blue", "green", "bag", "shoe", "photo", "of"]
PROMPTS = ["", "a red bag", "a blue shoe", "a photo of a green shoe"]  # distinct captions, the empty one first
NETWORK: dict[str, Any] = tiny.NETWORK
DIFFUSION = tiny_latent.DIFFUSION

Kind = Literal["bert", "clip"]


def encoder(kind: Kind = "bert", tokens: int = TOKENS) -> TextEncoder:
    """A text encoder of random weights, always the same ones, large enough for captions to differ."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, tokenizer = {"bert": _bert, "clip": _clip}[kind]()
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    tokenizer.model_max_length = tokens
    return TextEncoder(model.eval().requires_grad_(False), tokenizer)


def _sizes() -> dict[str, int]:
    return {
        "hidden_size": WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 24,
    }


def _bert() -> tuple[Any, Any]:
    from transformers import BertConfig, BertModel, BertTokenizer

    tokenizer = BertTokenizer(vocab={word: row for row, word in enumerate(WORDS)})
    return BertModel(BertConfig(vocab_size=len(WORDS), **_sizes())), tokenizer


def _clip() -> tuple[Any, Any]:
    """CLIP's kind, which knows letters."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = sorted(set("".join(PROMPTS)) - {" "})
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={piece: row for row, piece in enumerate(pieces)}, merges=[])
    marks = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return CLIPTextModel(CLIPTextConfig(vocab_size=len(pieces), **marks, **_sizes())), tokenizer


def t5() -> tuple[Any, Any]:
    """PixArt's kind, which pads with a mask, of random weights, always the same ones."""
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    pieces = ["<pad>", "</s>", "<unk>", "\u2581", *(f"\u2581{word}" for word in WORDS[5:])]
    tokenizer = T5Tokenizer(vocab=[(piece, -float(row > 2)) for row, piece in enumerate(pieces)], extra_ids=0)
    sizes = {"d_model": T5_WIDTH, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = T5EncoderModel(T5Config(vocab_size=len(pieces), **sizes))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    return model.eval().requires_grad_(False), tokenizer


def captions(n: int = 32, rows: Sequence[int] | None = None) -> Captions:
    """Those of n images, in turn all but the empty one; or the given rows of PROMPTS."""
    chosen = [1 + image % (len(PROMPTS) - 1) for image in range(n)] if rows is None else rows
    return Captions(encoder().embed(PROMPTS).numpy().astype(np.float16), np.array(chosen, np.int64))


def write_captions(folder: Path, n: int = 32, rows: Sequence[int] | None = None) -> tuple[Path, Path]:
    """The files that encode_captions makes of `captions`."""
    made, paths = captions(n, rows), (folder / "embeddings.npy", folder / "rows.npy")
    for path, array in zip(paths, (made.embeddings, made.rows), strict=True):
        arrays.write_array(path, array)
    return paths


def write_encoder(folder: Path) -> Path:
    """A sealed folder of the text encoder, whose tokenizer takes what the model takes."""
    made = encoder(tokens=24)
    text_encoder.save(made.model, made.tokenizer, folder)
    return folder


def pipeline(kind: Kind = "bert", **network: Any) -> networks.Pipeline:
    """A pipeline whose untrained network heeds its prompt and shows it; `network` replaces leaves of NETWORK."""
    autoencoder = tiny_latent.autoencoder("kl", scale=0.5)
    given = encoder(kind, tokens=TOKENS if kind == "bert" else 24)
    made = networks.build("stable_diffusion", NETWORK | network, DIFFUSION, tiny.SIZE, 0, autoencoder, given)
    for name, parameter in made.unet.named_parameters():
        if ".attn2.to_v." in name or name.startswith("conv_out"):
            parameter.data *= 20.0
    made.vae.decoder.conv_out.weight.data *= 10.0
    return made
