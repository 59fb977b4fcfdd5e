"""Bad input through the real command lines: exit code 1, one line that says what to do, nothing half-written."""

import dataclasses
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from selfrefine.core import arrays, files, training_state
from tests.support import tiny
from tests.support.children import run_command, run_job
from tests.support.tiny import bytes_below


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Everything a job may need, in order."""
    folder = tmp_path_factory.mktemp("good")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter.safetensors")
    assert run_job(tiny.base_job(folder / "images.npy", folder / "base"), folder / "log").code == 0
    return folder


def refused(job, log, fault=None):
    """The line with which a job is refused, after checks that hold for every refusal."""
    ended = run_command(job, log, fault)
    assert ended.code == 1, ended
    assert ended.err.count("\n") == 1, ended.err
    assert ended.err.startswith(f"{job.name}: ")
    outputs = Path(next(iter(vars(job.outputs).values()))).parent
    written = [path for path in outputs.rglob("*") if path.is_file() and ".scratch" not in path.parts]
    assert written == [], "outputs of a job that failed"
    return ended.err


def samples_of(pipeline, folder, **changes):
    return tiny.samples_job(pipeline, folder / "out", **changes)


def refined_of(good, folder, **inputs):
    job = tiny.refined_job(good / "images.npy", good / "base", good / "highlighter.safetensors", folder / "out")
    return dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, **inputs))


# -- training ----------------------------------------------------------------------------------------------------------


# A warm-up that never ends keeps the rate harmless until decay_factor multiplies it, with the tenth update.
LATE = {"warmup_steps": 10**32, "decay_factor": 1e32}


@pytest.mark.parametrize(("changes", "step"), [({}, "[1-3]"), (LATE, "1[02]")], ids=["at once", "after a checkpoint"])
def test_a_loss_that_is_not_finite_names_the_step_and_what_helps_and_promises_no_checkpoint(
    good, tmp_path, changes, step
):
    job = tiny.base_job(good / "images.npy", tmp_path / "out", learning_rate=1e30, **changes)
    line = refused(job, tmp_path)
    remedy = "lower train_base.learning_rate in params.yaml, or set shared.precision to float32, and "
    found = re.search(rf"loss is (nan|inf) at step {step}; (.*)", line)
    assert found
    assert found[2] == remedy + training_state.ANEW
    mended = run_job(tiny.base_job(good / "images.npy", tmp_path / "out"), tmp_path)
    assert (mended.code, "going on" in mended.out) == (0, False)


# -- inputs ------------------------------------------------------------------------------------------------------------


def test_a_changed_byte_in_a_pipeline(good, tmp_path):
    pipeline = shutil.copytree(good / "base" / "pipeline", tmp_path / "pipeline")
    weights = pipeline / "unet" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert f"{weights}: changed since it was made" in refused(samples_of(pipeline, tmp_path), tmp_path)


def test_a_folder_that_is_no_pipeline(tmp_path):
    with files.atomic_folder(tmp_path / "pipeline") as folder:
        (folder / "model_index.json").write_text("{}")
    assert "the name of a diffusers pipeline needed" in refused(samples_of(tmp_path / "pipeline", tmp_path), tmp_path)


def test_a_missing_pipeline(tmp_path):
    assert "nowhere" in refused(samples_of(tmp_path / "nowhere", tmp_path), tmp_path)


def test_a_state_that_does_not_fit_the_network(good, tmp_path):
    tensors, metadata = arrays.read_tensors(good / "base" / "state.safetensors")
    wide = {
        name: torch.zeros(2, *value.shape) if name.endswith("conv_in.weight") else value
        for name, value in tensors.items()
    }
    arrays.write_tensors(tmp_path / "state", wide, metadata)
    line = refused(refined_of(good, tmp_path, state=tmp_path / "state"), tmp_path)
    assert "training state does not fit the network: conv_in.weight is (2, 8, 3, 3, 3), (8, 3, 3, 3) needed" in line


@pytest.mark.parametrize("kept", [0, 1000, 50_000])
def test_a_cut_off_state(good, tmp_path, kept):
    shutil.copy(good / "base" / "state.safetensors", tmp_path / "state")
    os.truncate(tmp_path / "state", kept)
    line = refused(refined_of(good, tmp_path, state=tmp_path / "state"), tmp_path)
    assert "not a readable safetensors file" in line


def test_a_state_that_is_none(good, tmp_path):
    line = refused(refined_of(good, tmp_path, state=good / "highlighter.safetensors"), tmp_path)
    assert "highlighter.safetensors: not the training state of a base phase" in line


def test_a_highlighter_that_is_none(good, tmp_path):
    line = refused(refined_of(good, tmp_path, flaw_highlighter=good / "base" / "state.safetensors"), tmp_path)
    assert "not a highlighter of ours" in line


@pytest.mark.parametrize("kept", [0, 5, 100, 1000])
def test_cut_off_images(good, tmp_path, kept):
    shutil.copy(good / "images.npy", tmp_path / "images.npy")
    os.truncate(tmp_path / "images.npy", kept)
    assert "images.npy" in refused(tiny.base_job(tmp_path / "images.npy", tmp_path / "out"), tmp_path)


def test_images_of_another_type(tmp_path):
    arrays.write_array(tmp_path / "images.npy", np.zeros((4, 8, 8, 3), np.float32))
    line = refused(tiny.base_job(tmp_path / "images.npy", tmp_path / "out"), tmp_path)
    assert "float32 (4, 8, 8, 3) given, uint8 (N, H, W, 3) needed" in line


def test_missing_images(tmp_path):
    line = refused(tiny.base_job(tmp_path / "nowhere.npy", tmp_path / "out"), tmp_path)
    assert f"{tmp_path / 'nowhere.npy'}: No such file or directory" in line


# -- params ------------------------------------------------------------------------------------------------------------


def with_config(job, changes):
    """The job with keys of its config replaced, added or (with None) left out."""
    values = {key: value for key, value in (dataclasses.asdict(job.config) | changes).items() if value is not None}
    return dataclasses.replace(job, config=values)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stepss": 3}, "params.yaml: stepss is not read by this stage; known here: .*steps"),
        ({"steps": None}, "params.yaml: steps is missing"),
        ({"steps": "4"}, r"params.yaml: steps is '4' \(str\); int needed"),
        ({"steps": 4.0}, r"params.yaml: steps is 4.0 \(float\); int needed"),
        ({"steps": True}, r"params.yaml: steps is True \(bool\); int needed"),
        ({"sampler": "dimm"}, "params.yaml: sampler is 'dimm'; allowed: ddim, ddim_eta_1, ancestral"),
        ({"device": "gpu"}, "params.yaml: shared.device is gpu, but this machine has cpu"),
        ({"precision": "float16"}, "params.yaml: shared.precision is float16; allowed: auto, float32, bfloat16"),
    ],
)
def test_a_config_with_an_unknown_missing_or_mistyped_key(good, tmp_path, changes, told):
    job = with_config(samples_of(good / "base" / "pipeline", tmp_path), changes)
    assert re.search(told, refused(job, tmp_path))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"family": "ddmp"}, "train_base.family is ddmp; known families: ddpm"),
        ({"network": tiny.NETWORK | {"norm_num_groups": 3}}, "train_base.network of family ddpm does not build"),
        ({"network": tiny.NETWORK | {"attention": [False]}}, "train_base.network of family ddpm does not build"),
        ({"network": {"channels": 3}}, "train_base.network of family ddpm does not build: 'attention'"),
    ],
)
def test_a_network_that_does_not_build(good, tmp_path, changes, told):
    assert told in refused(tiny.base_job(good / "images.npy", tmp_path / "out", **changes), tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_absent(good, tmp_path, device):
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    line = refused(samples_of(good / "base" / "pipeline", tmp_path, device=device), tmp_path)
    assert f"shared.device is {device}, but this machine has cpu" in line


# -- places ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "file/deeper"])
def test_an_output_below_something_that_is_no_folder(good, tmp_path, place):
    (tmp_path / "file").touch()
    job = tiny.samples_job(good / "base" / "pipeline", tmp_path / place)
    assert re.search("file.*(Not a directory|File exists)", refused(job, tmp_path / "log"))


def become_nobody():
    """Root may write everywhere: tests of a read-only place run as somebody else."""
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_a_read_only_place(good):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder lets nobody else in
        place = Path(name)
        place.chmod(0o755)
        job = samples_of(shutil.copytree(good / "base" / "pipeline", place / "pipeline"), place / "closed")
        (place / "closed").mkdir(mode=0o555)
        line = refused(job, place / "log", become_nobody)
        (place / "closed").chmod(0o755)
    assert re.search(r"closed\S*: Permission denied", line)


def allow_files_of(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.mark.parametrize(
    ("kind", "size"),
    [("checkpoint", 50_000), ("pipeline", 20_000), ("images", 300)],
)
def test_a_file_system_that_takes_no_more_then_the_same_job_again(good, tmp_path, kind, size):
    jobs = {
        "checkpoint": tiny.base_job(good / "images.npy", tmp_path / "out"),
        "pipeline": tiny.base_job(good / "images.npy", tmp_path / "out", checkpoint_every=100),
        "images": samples_of(good / "base" / "pipeline", tmp_path),
    }
    line = refused(jobs[kind], tmp_path, partial(allow_files_of, size))
    assert "out: a file is larger than" in line
    assert "it goes on where it stopped" in line
    assert not list(tmp_path.rglob("*.part"))
    assert run_job(jobs[kind], tmp_path).code == 0


def test_a_full_disk_then_space_then_the_same_job_again(good, tmp_path):
    (tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "selfrefine-test", str(tmp_path / "small")]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small file system")
    try:
        job = tiny.base_job(good / "images.npy", tmp_path / "small" / "out")
        assert "small/out: the disk is full" in refused(job, tmp_path / "log")
        subprocess.run(["mount", "-o", "remount,size=64m", str(tmp_path / "small")], check=True)
        assert run_job(job, tmp_path / "log").code == 0
        assert bytes_below(tmp_path / "small" / "out") == bytes_below(good / "base")
    finally:
        subprocess.run(["umount", str(tmp_path / "small")], check=True)


def test_the_record_holds_the_config_as_it_was_given(good, tmp_path):
    job = samples_of(good / "base" / "pipeline", tmp_path)
    ended = run_command(job, tmp_path / "log")
    assert (ended.code, ended.err) == (0, "")
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == dataclasses.asdict(job.config)
