"""The stages in a row for a latent family: autoencoder, latents, base, fakes, refinement, samples; fork and resume."""

import dataclasses
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest

from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.stages import encode_data, generate_fakes, generate_samples, train_base, train_refined
from tests.support import tiny, tiny_latent
from tests.support.children import before_rename, run_job
from tests.support.tiny import bytes_below

WEIGHTS = "pipeline/unet/diffusion_pytorch_model.safetensors"
LATENT = {
    "family": "ldm",
    "network": tiny.NETWORK | {"dropout": 0.1},
    "diffusion": tiny_latent.DIFFUSION,
    "horizontal_flip": False,
    "steps": 6,
}
VARIANTS = {
    "baseline": {"forward": "none", "reverse": "none"},
    "reverse": {"forward": "none", "reverse": "kv"},
    "weightless": {"forward": "xt", "reverse": "kv", "forward_weight": 0.0, "reverse_weight": 0.0},
}


def base_job(chain, out, **changes):
    job = tiny.base_job(chain / "images.npy", out, **LATENT | changes)
    inputs = dataclasses.replace(job.inputs, latents=(chain / "latents.npy",), autoencoder=(chain / "autoencoder",))
    return dataclasses.replace(job, inputs=inputs)


def refined_job(chain, out, **changes):
    job = tiny.refined_job(chain / "images.npy", chain / "base", chain / "highlighter", out, steps=6, **changes)
    return dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, latents=(chain / "latents.npy",)))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter")
    autoencoder.save(tiny_latent.autoencoder(scale=2.0), folder / "autoencoder")
    encode_data.run(tiny_latent.encode_job(folder / "images.npy", folder / "autoencoder", folder, chunk_size=16))
    train_base.run(base_job(folder, folder / "base"))
    for name, processes in VARIANTS.items():
        train_refined.run(refined_job(folder, folder / name, **processes))
    return folder


def test_a_map_of_no_weight_changes_nothing_at_all(chain):
    weights = {name: (chain / name / WEIGHTS).read_bytes() for name in ("base", *VARIANTS)}
    assert weights["weightless"] == weights["baseline"]
    assert len(set(weights.values())) == 3


def test_maps_have_the_resolution_of_the_images(chain):
    for name in ("reverse", "weightless"):
        assert np.load(chain / name / "maps.npy").shape == (2, tiny.SIZE, tiny.SIZE)
    assert pd.read_csv(chain / "reverse" / "refreshes.csv")["step"].tolist() == [6, 8]


def test_the_autoencoder_goes_along_as_it_was(chain):
    given = (chain / "autoencoder" / "diffusion_pytorch_model.safetensors").read_bytes()
    for name in ("base", *VARIANTS):
        assert (chain / name / "pipeline/vqvae/diffusion_pytorch_model.safetensors").read_bytes() == given


def test_fork_and_plain_refinement_equal_one_long_plain_run(chain, tmp_path):
    train_base.run(base_job(chain, tmp_path, steps=12, decay_at=0.35))
    assert (tmp_path / WEIGHTS).read_bytes() == (chain / "baseline" / WEIGHTS).read_bytes()


def test_fakes_and_samples_are_images(chain, tmp_path):
    generate_fakes.run(tiny.fakes_job(chain / "base" / "pipeline", tmp_path / "fakes"))
    generate_samples.run(tiny.samples_job(chain / "reverse" / "pipeline", tmp_path / "samples"))
    for name in ("fakes", "samples"):
        images = np.load(tmp_path / name / "images.npy")
        assert (images.shape, images.dtype) == ((10, tiny.SIZE, tiny.SIZE, 3), np.uint8)
        assert images.std() > 0


def test_latents_and_families_that_do_not_belong_together_are_told(chain, tmp_path):
    plain = tiny.base_job(chain / "images.npy", tmp_path / "a")
    latents = dataclasses.replace(plain.inputs, latents=(chain / "latents.npy",))
    with pytest.raises(InputError, match="latents given, none needed by the family"):
        train_base.run(dataclasses.replace(plain, inputs=latents))
    job = base_job(chain, tmp_path / "b")
    with pytest.raises(InputError, match="none given, latents needed by the family"):
        train_base.run(dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, latents=())))


@pytest.mark.parametrize(("kind", "write"), [(base_job, 1), (refined_job, 2), (refined_job, 5)])
def test_killed_and_run_again_it_ends_in_the_same_bytes(chain, tmp_path, kind, write):
    name = {base_job: "base", refined_job: "reverse"}[kind]
    job = kind(chain, tmp_path / "out", **VARIANTS.get(name, {}))
    assert run_job(job, tmp_path / "log", partial(before_rename, write)).code == -signal.SIGKILL
    ended = run_job(job, tmp_path / "log")
    assert ended.code == 0, ended.err
    assert bytes_below(tmp_path / "out") == bytes_below(chain / name)


STRANGER = """
import sys
sys.modules["selfrefine"] = None  # any import of it fails
import torch
from diffusers import DiffusionPipeline
pipeline = DiffusionPipeline.from_pretrained(sys.argv[1])
pipeline.set_progress_bar_config(disable=True)
draws = torch.Generator().manual_seed(0)
images = pipeline(batch_size=2, generator=draws, num_inference_steps=5, output_type="np").images
print(type(pipeline).__name__, *images.shape, 0 <= images.min() < images.max() <= 1)
"""


def test_stock_diffusers_samples_what_is_exported_without_our_package(chain):
    command = [sys.executable, "-c", STRANGER, str(chain / "reverse" / "pipeline")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["LDMPipeline", "2", "8", "8", "3", "True"], ended.stderr
