"""Networks of random weights in folders as published ones lie there: what reads those reads these."""

from pathlib import Path

import numpy as np
import pytest
import torch

from selfrefine.core import pixels
from selfrefine.cost import made_networks, made_photographs, rehearsal
from selfrefine.cost.loads import Run
from selfrefine.cost.rehearsal import Asked
from selfrefine.diffusion import autoencoder, latent_scale
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.metrics.clip_score import Clip
from selfrefine.pretrained import text_encoder

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
LATENT = {"train_autoencoder": {"network": {"block_out_channels": [8, 8, 8], "norm_num_groups": 8}}}


def test_the_paper_needs_four_folders_each_as_large_as_published() -> None:
    values = rehearsal.params(ROOT, Asked(1.0, {}, {}))
    sizes = {folder.as_posix(): size / 1e9 for folder, (_, size) in made_networks.wanted(values).items()}
    assert sizes == pytest.approx(
        {
            "downloads/vq_f4": 0.22,  # LDM's
            "downloads/stable_diffusion_v1/unet": 3.44,
            "downloads/stable_diffusion_v1/vae": 0.335,
            "downloads/clip_vit_l_14": 1.71,
        },
        rel=0.02,
    )


def test_a_clip_reads_sentences_sees_images_and_is_the_text_encoder(tmp_path: Path) -> None:
    made_networks.clip(tmp_path / "clip", SMALL, SMALL)
    clip = Clip(tmp_path / "clip", CPU)
    sentences = ["a man near a red bus", "two cats"]
    assert clip.read(sentences, 2).shape == clip.see(np.zeros((2, 64, 64, 3), np.uint8), 2).shape == (2, 768)
    encoder = text_encoder.TextEncoder(*text_encoder.read(tmp_path / "clip", tmp_path / "clip"))
    assert encoder.embed(sentences).shape == (2, 77, 16)
    assert not torch.equal(*encoder.embed(sentences))


@pytest.mark.parametrize(("model", "dataset"), [("ldm", "celeba_hq_256"), ("stable_diffusion", "coco")])
def test_an_autoencoder_decodes_what_it_encodes_at_unit_variance(tmp_path: Path, model: str, dataset: str) -> None:
    """train_autoencoder refuses one whose latents are much weaker than the noise that they are mixed with."""
    select = {"models": [model], "datasets": [dataset]}
    values = rehearsal.params(ROOT, Asked(0.01, select, {"models": {model: LATENT}}))
    run = Run(values, {"dataset": dataset, "model": model, "seed": "0"})
    folder = Path(run.of("train_autoencoder")["folder"])
    make, _ = made_networks.wanted(values)[folder]
    make(tmp_path / folder)
    codec = LatentCodec(autoencoder.load(tmp_path / folder, CPU))
    images = pixels.to_float(made_photographs.levels("coco", 7, (run.size, run.size))[None])
    latents = codec.encode(images)
    latent_scale.check_deviation(float(latents.std()), codec.scale)
    assert codec.decode(latents).shape == images.shape
