"""A text encoder small enough for any test: a BERT of one layer with random weights, and words of its own."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer

from selfrefine.pretrained import text_encoder

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "an",
    "photo",
    "of",
    "boot",
    "bag",
    "ankle",
    "##s",
    ",",
    ".",
]
WIDTH, MOST_TOKENS = 8, 12


def parts(seed: int = 0, scale: float = 0.5) -> tuple[BertModel, BertTokenizer]:
    """Model and tokenizer; the weights depend on the seed, their spread on the scale."""
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=MOST_TOKENS,
        initializer_range=scale,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config).eval()
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)}, model_max_length=MOST_TOKENS)
    return model, tokenizer


def published(folder: Path, seed: int = 0) -> Path:
    """The folder as transformers saves it, not sealed: as a user or a hub has it."""
    folder.mkdir(parents=True)
    for part in parts(seed):
        part.save_pretrained(folder)
    return folder


def sealed(folder: Path, seed: int = 0) -> Path:
    """The folder as fetch_text_encoder makes it."""
    text_encoder.save(*parts(seed), folder)
    return folder
