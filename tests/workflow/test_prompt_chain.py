"""The stages in a row for text-to-image: base, fakes, refinement, samples; fork and resume, what prompts do."""

import dataclasses
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder, noise_schedule, samplers
from selfrefine.diffusion import prompts as diffusion_prompts
from selfrefine.stages import encode_data, generate_fakes, generate_samples, train_base, train_refined
from tests.support import tiny, tiny_latent, tiny_prompt
from tests.support.children import before_rename, run_job
from tests.support.tiny import bytes_below

WEIGHTS = "pipeline/unet/diffusion_pytorch_model.safetensors"
PROMPT = {
    "family": "stable_diffusion",
    "network": tiny_prompt.NETWORK | {"dropout": 0.1},
    "diffusion": tiny_prompt.DIFFUSION,
    "horizontal_flip": False,
    "caption_dropout": 0.3,
    "steps": 6,
}
VARIANTS = {
    "baseline": {"forward": "none", "reverse": "none"},
    "reverse": {"forward": "none", "reverse": "kv"},
    "weightless": {"forward": "xt", "reverse": "kv", "forward_weight": 0.0, "reverse_weight": 0.0},
}


def captions_of(chain):
    return chain / "embeddings.npy", chain / "rows.npy"


def with_inputs(job, **changes):
    return dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, **changes))


def base_job(chain, out, **changes):
    return with_inputs(
        tiny.base_job(chain / "images.npy", out, **PROMPT | changes),
        latents=(chain / "latents.npy",),
        autoencoder=(chain / "autoencoder",),
        captions=captions_of(chain),
        text_encoder=(chain / "text_encoder",),
    )


def refined_job(chain, out, **changes):
    job = tiny.refined_job(chain / "images.npy", chain / "base", chain / "highlighter", out, steps=6, **changes)
    return with_inputs(job, latents=(chain / "latents.npy",), captions=captions_of(chain))


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter")
    tiny_prompt.write_captions(folder)
    tiny_prompt.write_encoder(folder / "text_encoder")
    autoencoder.save(tiny_latent.autoencoder("kl", scale=2.0), folder / "autoencoder")
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
    assert np.load(chain / "reverse" / "maps.npy").shape == (2, tiny.SIZE, tiny.SIZE)
    assert pd.read_csv(chain / "reverse" / "refreshes.csv")["step"].tolist() == [6, 8]


@pytest.mark.parametrize("part", ["vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"])
def test_what_is_not_trained_goes_along_as_it_was(chain, part):
    folder = {"vae": "autoencoder", "text_encoder": "text_encoder"}[part.split("/")[0]]
    given = (chain / folder / part.split("/")[1]).read_bytes()
    for name in ("base", *VARIANTS):
        assert (chain / name / "pipeline" / part).read_bytes() == given


def test_whoever_loads_the_folder_cuts_prompts_as_training_did(chain):
    tokenizer = networks.load(chain / "reverse" / "pipeline", torch.device("cpu")).tokenizer
    assert tokenizer.model_max_length == tiny_prompt.TOKENS


def test_fork_and_plain_refinement_equal_one_long_plain_run(chain, tmp_path):
    train_base.run(base_job(chain, tmp_path, steps=12, decay_at=0.35))
    assert (tmp_path / WEIGHTS).read_bytes() == (chain / "baseline" / WEIGHTS).read_bytes()


def test_captions_and_families_that_do_not_belong_together_are_told(chain, tmp_path):
    plain = tiny.base_job(chain / "images.npy", tmp_path / "a")
    with pytest.raises(InputError, match="captions given, none needed by the family"):
        train_base.run(with_inputs(plain, captions=captions_of(chain)))
    with pytest.raises(InputError, match="none given, captions needed by the family"):
        train_base.run(with_inputs(base_job(chain, tmp_path / "b"), captions=()))
    with pytest.raises(InputError, match="needs a text encoder, which fetch_text_encoder brings"):
        train_base.run(with_inputs(base_job(chain, tmp_path / "c"), text_encoder=()))
    few = with_inputs(base_job(chain, tmp_path / "d"), captions=tiny_prompt.write_captions(tmp_path, 31))
    with pytest.raises(InputError, match=r"rows.npy: int64 \(31,\) given, int64 \(32,\) needed"):
        train_base.run(few)


@pytest.mark.parametrize(("kind", "write"), [(base_job, 1), (refined_job, 2), (refined_job, 5)])
def test_killed_and_run_again_it_ends_in_the_same_bytes(chain, tmp_path, kind, write):
    name = {base_job: "base", refined_job: "reverse"}[kind]
    job = kind(chain, tmp_path / "out", **VARIANTS.get(name, {}))
    assert run_job(job, tmp_path / "log", partial(before_rename, write)).code == -signal.SIGKILL
    ended = run_job(job, tmp_path / "log")
    assert ended.code == 0, ended.err
    assert bytes_below(tmp_path / "out") == bytes_below(chain / name)


# -- images ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heeding(tmp_path_factory):
    """A folder with a pipeline whose images show their prompts."""
    folder = tmp_path_factory.mktemp("heeding")
    networks.save(tiny_prompt.pipeline(), folder / "pipeline")
    return folder


def samples(heeding, out, rows=None, **changes):
    captions = tiny_prompt.write_captions(heeding, rows=rows)
    generate_samples.run(with_inputs(tiny.samples_job(heeding / "pipeline", out, **changes), captions=captions))
    return np.load(out / "images.npy")


def test_samples_are_of_their_captions_in_turn(heeding, tmp_path):
    given = samples(heeding, tmp_path / "given")
    assert (given.shape, given.dtype) == ((10, tiny.SIZE, tiny.SIZE, 3), np.uint8)
    assert np.array_equal(samples(heeding, tmp_path / "again"), given)
    turned = samples(heeding, tmp_path / "turned", rows=[2, 3, 1])
    assert (given != turned).any(axis=(1, 2, 3)).all()
    mixed = samples(heeding, tmp_path / "mixed", rows=[1, 3, 1])  # the first of three in turn is the same
    assert (given != mixed).any(axis=(1, 2, 3)).tolist() == [False, True, True] * 3 + [False]


def test_guidance_changes_samples(heeding, tmp_path):
    off, on = (samples(heeding, tmp_path / str(scale), guidance_scale=scale) for scale in (1.0, 3.0))
    assert not np.array_equal(off, on)


def test_fakes_are_of_captions_without_guidance(heeding, tmp_path):
    made = {}
    for name, rows in (("first", None), ("other", [2, 3, 1])):
        captions = tiny_prompt.write_captions(heeding, rows=rows)
        generate_fakes.run(with_inputs(tiny.fakes_job(heeding / "pipeline", tmp_path / name), captions=captions))
        made[name] = np.load(tmp_path / name / "images.npy")
    assert (made["first"] != made["other"]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("job", [tiny.samples_job, tiny.fakes_job])
def test_images_of_prompts_need_captions(heeding, tmp_path, job):
    stage = {tiny.samples_job: generate_samples, tiny.fakes_job: generate_fakes}[job]
    with pytest.raises(InputError, match="none given, captions needed by the family"):
        stage.run(job(heeding / "pipeline", tmp_path))


STRANGER = """
import sys
sys.modules["selfrefine"] = None  # any import of it fails
import numpy as np
import torch
from diffusers import DiffusionPipeline
exported, heeding, latents, out, *prompts = sys.argv[1:]
given = {"latents": torch.from_numpy(np.load(latents)), "num_inference_steps": 20, "output_type": "np"}
made = []
for folder in (exported, heeding):
    pipeline = DiffusionPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    made.append([pipeline(prompts, guidance_scale=scale, **given).images for scale in (1.0, 2.0)])
np.save(out, np.array(made))
print(type(pipeline).__name__)
"""


def our_images(folder, latents, scale):
    """Of three captions, by DDIM with all steps: (3, H, W, 3) in [0, 1]."""
    pipeline, captions = networks.load(folder, torch.device("cpu")), tiny_prompt.captions()
    network = diffusion_prompts.prompted(pipeline.unet.eval(), captions, range(3), scale)
    with torch.no_grad():
        made = samplers.ddim(network, noise_schedule.of(pipeline), latents, tiny.TIMESTEPS, [])
        return (autoencoder.of(pipeline).decode(made).permute(0, 2, 3, 1).numpy() + 1) / 2


def test_stock_diffusers_makes_our_images_of_a_prompt_without_our_package(chain, heeding, tmp_path):
    prompts, latents = tiny_prompt.PROMPTS[1:], torch.randn((3, 3, 4, 4), generator=torch.Generator().manual_seed(0))
    arrays.write_array(tmp_path / "latents.npy", latents.numpy())
    folders = chain / "reverse" / "pipeline", heeding / "pipeline"
    command = [sys.executable, "-c", STRANGER, *folders, tmp_path / "latents.npy", tmp_path / "out.npy", *prompts]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert ended.stdout.split() == ["StableDiffusionPipeline"], ended.stderr

    made = np.load(tmp_path / "out.npy")
    for folder, theirs in zip(folders, made, strict=True):
        for scale, images in zip((1.0, 2.0), theirs, strict=True):
            # embeddings are kept in float16
            assert images == pytest.approx(our_images(folder, latents, scale), abs=1e-3)
    exported, heeded = made
    assert exported.std() > 0.01
    assert np.abs(heeded[0] - heeded[1]).max() > 0.01  # guidance matters, hence the prompt does
