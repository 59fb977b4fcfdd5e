"""Tiny vision transformers of transformers' own classes, with random weights, in folders as it saves them."""

import torch
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
)

from selfrefine.core import files

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 7}
CUT = {"size": {"shortest_edge": 32}, "crop_size": {"height": 28, "width": 28}}
TEXT = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50}
FOLDERS = ("clip", "whole_clip", "dinov2")


def save(kind, folder):
    """Saves one of FOLDERS with its preparation of images; returns the sha256 of its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        seeing = SIZES | {"intermediate_size": 32, "projection_dim": 12, "initializer_factor": 30.0}
        if kind == "clip":
            model = CLIPVisionModelWithProjection(CLIPVisionConfig(**seeing))
        elif kind == "whole_clip":
            model = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=seeing, projection_dim=12))
        else:
            model = Dinov2Model(Dinov2Config(**SIZES, initializer_range=0.3))
    model.save_pretrained(folder)
    processor = BitImageProcessor if kind == "dinov2" else CLIPImageProcessor
    processor(**CUT).save_pretrained(folder)
    return files.sha256(folder / "model.safetensors")
