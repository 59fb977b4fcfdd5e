import dataclasses
import json

import pandas as pd
import pytest
import torch
from diffusers import VQModel

from selfrefine.core import arrays, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.diffusion.autoencoder import LatentCodec
from selfrefine.stages import train_autoencoder
from tests.support import tiny, tiny_latent
from tests.support.tiny import bytes_below

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return tiny_latent.write_large_images(tmp_path_factory.mktemp("images") / "images.npy")


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("autoencoder")
    train_autoencoder.run(tiny_latent.autoencoder_job(images, folder))
    return folder


def test_stock_diffusers_loads_the_folder(trained):
    config = VQModel.from_pretrained(trained / "autoencoder").config
    assert (config.in_channels, config.latent_channels, config.num_vq_embeddings, config.sample_size) == (3, 3, 16, 16)


def test_latents_of_the_images_that_it_was_scaled_by_have_unit_variance(images, trained):
    stage = LatentCodec(autoencoder.load(files.check_folder(trained / "autoencoder"), CPU))
    first = pixels.to_float(arrays.read_images(images)[: tiny_latent.TEST_IMAGES])
    assert float(stage.encode(first).std()) == pytest.approx(1.0, rel=1e-4)
    assert stage.scale != 1.0


def test_scaling_can_be_left_out(images, trained, tmp_path):
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, unit_variance=False))
    assert LatentCodec(autoencoder.load(tmp_path / "autoencoder", CPU)).scale == 1.0
    weights = "autoencoder/diffusion_pytorch_model.safetensors"
    assert bytes_below(tmp_path)[weights] == bytes_below(trained)[weights]


def test_curve_and_metrics_are_tidy(trained):
    curve, metrics = (pd.read_csv(trained / f"{name}.csv") for name in ("loss", "metrics"))
    assert curve["step"].tolist() == [2, 3, 4, 6, 8, 9, 10, 12]
    assert list(metrics.columns) == ["dataset", "model", "seed", "metric", "value", "low", "high", "n_images"]
    assert metrics["metric"].tolist() == ["psnr", "ssim", "codes_used"]
    assert set(metrics["n_images"]) == {tiny_latent.TEST_IMAGES}
    assert metrics["value"].notna().all()


def test_the_same_job_gives_the_same_bytes_and_another_seed_others(images, trained, tmp_path):
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path / "again"))
    assert bytes_below(tmp_path / "again") == bytes_below(trained)
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path / "other", names=tiny.NAMES | {"seed": "1"}))
    assert bytes_below(tmp_path / "other")["loss.csv"] != bytes_below(trained)["loss.csv"]


def test_a_given_autoencoder_is_measured_and_kept_as_it_is(images, trained, tmp_path):
    given = tuple(trained / "autoencoder" / name for name in ("config.json", "diffusion_pytorch_model.safetensors"))
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="anywhere", unit_variance=False)
    train_autoencoder.run(job)
    assert bytes_below(tmp_path)["metrics.csv"] == bytes_below(trained)["metrics.csv"]
    assert len(pd.read_csv(tmp_path / "loss.csv")) == 0
    one, other = (json.loads((folder / "autoencoder" / "config.json").read_text()) for folder in (trained, tmp_path))
    assert {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)} <= {"_name_or_path"}
    assert not other["_name_or_path"]
    assert bytes_below(tmp_path)["autoencoder/" + given[1].name] == given[1].read_bytes()


def test_a_given_autoencoder_of_other_images_is_refused(images, trained, tmp_path):
    given = tuple(trained / "autoencoder" / name for name in ("config.json", "diffusion_pytorch_model.safetensors"))
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="anywhere")
    config = dataclasses.replace(job.config, network=job.config.network | {"channels": 1})
    with pytest.raises(InputError, match=r"takes 3 channels.*network.channels is 1"):
        train_autoencoder.run(dataclasses.replace(job, config=config))
