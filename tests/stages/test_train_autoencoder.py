import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from diffusers import VQModel
from safetensors.torch import load_file, save_file

from selfrefine.core import arrays, files, pixels
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, unit_variance
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


def test_scaling_and_the_shift_with_it_can_be_left_out(images, trained, tmp_path):
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, unit_variance=False))
    plain, scaled = (autoencoder.load(folder / "autoencoder", CPU) for folder in (tmp_path, trained))
    assert LatentCodec(plain).scale == 1.0
    shifted = scaled.state_dict()
    moved = {name for name, tensor in plain.state_dict().items() if not torch.equal(tensor, shifted[name])}
    assert moved == {"quant_conv.bias", "quantize.embedding.weight", "post_quant_conv.bias"}


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


@pytest.mark.parametrize(("folder", "scaled", "looks"), [("given", False, 1), ("given", True, 2), ("", True, 3)])
def test_only_some_images_are_ever_encoded_together(images, tmp_path, monkeypatch, folder, scaled, looks):
    """Thousands of 256 px at once fit no memory."""
    given = given_folder(tmp_path / "given", "vq", 0.9) if folder else ()
    encode, seen = LatentCodec.encode, []

    def encoded(codec, batch):
        seen.append(len(batch))
        return encode(codec, batch)

    monkeypatch.setattr(LatentCodec, "encode", encoded)
    monkeypatch.setattr(unit_variance, "TOGETHER", 2)
    values = {"folder": folder, "unit_variance": scaled, "batch_size": 3}
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, given, **values))
    assert seen == looks * [2, 2] + [3, 1], "the mean, the scale, a check; then the round trip: each of four images"


def test_a_given_autoencoder_of_other_images_is_refused(images, trained, tmp_path):
    given = tuple(trained / "autoencoder" / name for name in ("config.json", "diffusion_pytorch_model.safetensors"))
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="anywhere")
    config = dataclasses.replace(job.config, network=job.config.network | {"channels": 1})
    with pytest.raises(InputError, match=r"takes 3 channels.*network.channels is 1"):
        train_autoencoder.run(dataclasses.replace(job, config=config))


# -- a given folder: what its config.json does not say is not diffusers' to choose -------------------------------------


def given_folder(folder: Path, kind: str, spread: float, scale: object = None) -> tuple[Path, ...]:
    """An autoencoder whose latents of the tiny images have this deviation before they are scaled."""
    made = tiny_latent.autoencoder(kind, size=2 * tiny.SIZE)
    images = tiny.tiny_images(tiny_latent.TEST_IMAGES, 2 * tiny.SIZE)
    factor = spread / unit_variance.deviation(made, images, CPU)
    last = made.quant_conv
    last.weight.data *= factor
    last.bias.data *= factor
    made.save_pretrained(folder)
    values = json.loads((folder / "config.json").read_text())
    del values["scaling_factor"]
    (folder / "config.json").write_text(json.dumps(values | ({} if scale is None else {"scaling_factor": scale})))
    return folder / "config.json", folder / "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("kind", "spread", "stated", "scale"),
    [("vq", 0.9, None, 1.0), ("vq", 4.0, 0.2, 0.2), ("kl", 5.5, 0.18215, 0.18215), ("kl", 1.0, 1, 1.0)],
)
def test_the_scale_is_that_of_the_folder_or_that_of_models_older_than_the_key(
    images, tmp_path, capsys, kind, spread, stated, scale
):
    given = given_folder(tmp_path / "given", kind, spread, stated)
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="given", kind=kind, unit_variance=False)
    train_autoencoder.run(job)
    assert json.loads((tmp_path / "autoencoder" / "config.json").read_text())["scaling_factor"] == scale
    told = capsys.readouterr().out
    assert ("no scaling_factor in it; 1.0 is taken, as before diffusers had that key" in told) == (stated is None)
    assert f"latents times {scale:.5g} (of its folder): standard deviation {spread * scale:.3g}" in told
    assert "scaling_factor 0.18215" not in told


@pytest.mark.parametrize(
    ("kind", "spread", "stated", "message"),
    [
        ("kl", 1.0, None, "no scaling_factor in it; write the one there"),
        ("vq", 0.2, None, "the scaling factor 1 have a standard deviation of 0.2; 0.3 to 3.0 allowed"),
        ("vq", 1.0, 0.18215, "the scaling factor 0.18215 have a standard deviation of 0.182; 0.3 to 3.0 allowed"),
        ("kl", 5.0, 1.0, "have a standard deviation of 5; 0.3 to 3.0 allowed"),
        ("vq", 1.0, 0, "scaling_factor is 0; a number above 0 needed"),
        ("vq", 1.0, -1.0, "scaling_factor is -1.0; a number above 0 needed"),
        ("kl", 1.0, "0.18215", "scaling_factor is 0.18215; a number above 0 needed"),
        ("kl", 1.0, True, "scaling_factor is True; a number above 0 needed"),
        ("kl", 1.0, float("nan"), "scaling_factor is nan; a number above 0 needed"),
        ("kl", 1.0, [1.0], "scaling_factor is [1.0]; a number above 0 needed"),
    ],
)
def test_a_scale_that_nobody_stated_or_that_is_wrong_is_refused(images, tmp_path, kind, spread, stated, message):
    given = given_folder(tmp_path / "given", kind, spread, stated)
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="given", kind=kind, unit_variance=False)
    with pytest.raises(InputError) as fault:
        train_autoencoder.run(job)
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("kind", ["vq", "kl"])
@pytest.mark.parametrize("spread", [0.01, 40.0])
def test_a_measured_scale_needs_none_of_the_folder(images, tmp_path, kind, spread):
    given = given_folder(tmp_path / "given", kind, spread)
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, given, folder="given", kind=kind))
    scale = json.loads((tmp_path / "autoencoder" / "config.json").read_text())["scaling_factor"]
    assert scale == pytest.approx(1.0 / spread, rel=1e-3)


def test_latents_that_are_all_equal_have_no_scale(tmp_path):
    given = given_folder(tmp_path / "given", "vq", 1.0)
    weights = load_file(given[1])
    weights |= {name: 0.0 * weights[name] for name in ("quant_conv.weight", "quant_conv.bias")}
    save_file(weights, given[1], {"format": "pt"})
    images = tiny_latent.write_large_images(tmp_path / "images.npy")
    with pytest.raises(InputError, match=r"have a standard deviation of 0.0; a number above 0 needed"):
        train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, given, folder="given"))


@pytest.mark.parametrize("leaf", [{"shift_factor": 0.1159}, {"latents_mean": [0.0] * 3}, {"latents_std": [1.0] * 3}])
def test_an_autoencoder_that_shifts_its_latents_is_refused(images, tmp_path, leaf):
    given = given_folder(tmp_path / "given", "kl", 1.0, 1.0)
    given[0].write_text(json.dumps(json.loads(given[0].read_text()) | leaf))
    job = tiny_latent.autoencoder_job(images, tmp_path, given, folder="given", kind="kl")
    with pytest.raises(InputError, match="an autoencoder of unshifted latents needed"):
        train_autoencoder.run(job)


def test_one_of_our_own_that_is_not_scaled_is_told_and_kept(images, tmp_path, capsys):
    """Hours of training are not thrown away for a choice of params.yaml."""
    train_autoencoder.run(tiny_latent.autoencoder_job(images, tmp_path, unit_variance=False))
    told = capsys.readouterr().out
    assert "latents times 1 (not scaled): standard deviation 0.2" in told
    assert "0.3 to 3.0 allowed, since the noise that is added has 1; set train_autoencoder.unit_variance" in told
    assert (tmp_path / "autoencoder" / "config.json").is_file()
