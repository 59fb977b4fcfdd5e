"""Networks of random weights in the folders where an experiment looks for those that others trained: a rehearsal's.

They have the sizes that the params say, and CLIP those of ViT-L/14, so that memory, time and files are those of the
published ones; no figure of what they make means anything.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfrefine.core import files, random_streams
from selfrefine.cost import made_photographs
from selfrefine.cost.flops import Network, count
from selfrefine.cost.loads import FLOAT, LAYERS, VOCABULARY, Run
from selfrefine.diffusion import autoencoder, unit_variance
from selfrefine.networks import stable_diffusion
from selfrefine.params import job_config

SCALING_FACTOR = 0.18215  # of Stable Diffusion's autoencoder, which its folder states
# CLIP ViT-L/14 (Radford et al. 2021), as transformers describes it.
TEXT = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": LAYERS, "num_attention_heads": 12}
VISION = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
PROJECTION, PATCH, SIDE = 768, 14, 224
CLIP_BYTES = 1_711_000_000
SEEN = 2  # pictures that latents are scaled by
LETTERS = "abcdefghijklmnopqrstuvwxyz"  # that its tokenizer knows, each a token

Make = Callable[[Path], None]


def wanted(params: Mapping[str, Any]) -> dict[Path, tuple[Make, int]]:
    """What makes each folder that the selected rows name, and its bytes.

    Args:
        params: the whole of params.yaml with the rehearsal's overlay.
    """
    found: dict[Path, tuple[Make, int]] = {}
    for dataset in job_config.selected(params, "datasets"):
        for model in job_config.selected(params, "models", dataset):
            run = Run(params, {"dataset": dataset, "model": model, "seed": "0"})
            if run.is_latent and (folder := run.of("train_autoencoder")["folder"]):
                found[Path(folder)] = _autoencoder(run), _bytes(run.autoencoder())
            if job_config.is_prompted(params, dataset, model):
                found[Path(run.of("train_base")["pretrained"])] = _network(run), _bytes(run.network())
                found[Path(run.of("evaluate_prompts")["clip_folder"])] = clip, CLIP_BYTES
    return {folder: made for folder, made in found.items() if folder.parts}


def _bytes(network: Network) -> int:
    return FLOAT * count(network, "evaluate").parameters


def _autoencoder(run: Run) -> Make:
    def make(folder: Path) -> None:
        values = run.of("train_autoencoder")
        made = autoencoder.build(values["kind"], values["network"], run.size, seed=0).eval()
        made.register_to_config(scaling_factor=SCALING_FACTOR if values["kind"] == "kl" else 1.0)
        _strengthen(made, run.size)
        autoencoder.save(made, folder)

    return make


def _strengthen(made: Any, size: int) -> None:
    """Gives scaled latents unit variance, as those of the published weights have; random weights let a signal fade."""
    images = np.stack([made_photographs.levels("latents", number, (size, size)) for number in range(SEEN)])
    spread = unit_variance.deviation(made, images, torch.device("cpu"))
    with torch.no_grad():
        for parameter in made.quant_conv.parameters():
            parameter /= spread


def _network(run: Run) -> Make:
    def make(folder: Path) -> None:
        channels, side, _ = run.shape()
        captions = run.params["text_encoders"][run.of("encode_captions")["text_encoder"]]
        with _seeded():
            made: Any = stable_diffusion.unet(
                run.of("train_base")["network"] | {"channels": channels}, side, captions["width"]
            )
        with files.atomic_folder(folder) as temporary:
            made.save_pretrained(temporary, safe_serialization=True)

    return make


def clip(folder: Path, text: Mapping[str, Any] = TEXT, vision: Mapping[str, Any] = VISION) -> None:
    """A CLIP as transformers saves it, with its tokenizer, whose words are letters, and its way to prepare images."""
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTokenizer

    tokens = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    marks = {"<|startoftext|>": VOCABULARY - 2, "<|endoftext|>": VOCABULARY - 1}
    ids = {"bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1}
    config = CLIPConfig(
        text_config={**text, "vocab_size": VOCABULARY, "max_position_embeddings": 77, **ids},
        vision_config={**vision, "image_size": SIDE, "patch_size": PATCH},
        projection_dim=PROJECTION,
    )
    with _seeded():
        model = CLIPModel(config)
    with files.atomic_folder(folder) as temporary:
        words = {token: number for number, token in enumerate(tokens)} | marks
        files.write_text(temporary / "vocab.json", json.dumps(words))
        files.write_text(temporary / "merges.txt", "#version: 0.2\n")
        tokenizer = CLIPTokenizer(str(temporary / "vocab.json"), str(temporary / "merges.txt"), model_max_length=77)
        tokenizer.save_pretrained(temporary)
        sides: dict[str, Any] = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
        CLIPImageProcessor(**sides).save_pretrained(temporary)
        model.save_pretrained(temporary)


@contextmanager
def _seeded() -> Iterator[None]:
    """The same weights each time, whatever was drawn before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_streams.stream_seed(0, "weights", 0))
        yield
