import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine import files, guidance, highlighter, networks
from selfrefine.stages import train_base, train_refined
from tests import tiny
from tests.tiny import bytes_below

WEIGHTS = "pipeline/unet/diffusion_pytorch_model.safetensors"
VARIANTS = {
    "baseline": {"forward": "none", "reverse": "none"},
    "forward": {"forward": "xt", "reverse": "none"},
    "reverse": {"forward": "none", "reverse": "kv"},
    "both": {"forward": "xt", "reverse": "kv"},
}


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """A base model and its four variants, each in the folder of its name."""
    folder = tmp_path_factory.mktemp("forked")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter")
    train_base.run(tiny.base_job(folder / "images.npy", folder / "base"))
    for name, processes in VARIANTS.items():
        run(folder, folder / name, **processes)
    return folder


def run(forked, out, inputs=None, **changes):
    """Runs a variant; `inputs` replaces files of the job."""
    job = tiny.refined_job(forked / "images.npy", forked / "base", forked / "highlighter", out, **changes)
    train_refined.run(dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, **inputs or {})))
    return bytes_below(out)


def test_fork_and_plain_refinement_equal_one_long_plain_run(forked, tmp_path):
    """Weights, moments, moving average, step, rate and random numbers are all taken over: not one bit differs."""
    # the rate of a run of twice the length drops at the same step if it drops at half the share
    long = tiny.base_job(forked / "images.npy", tmp_path, steps=2 * tiny.STEPS, decay_at=0.35)
    train_base.run(long)
    assert (tmp_path / WEIGHTS).read_bytes() == (forked / "baseline" / WEIGHTS).read_bytes()
    joined = pd.concat([pd.read_csv(forked / phase / "loss.csv") for phase in ("base", "baseline")])
    pd.testing.assert_frame_equal(joined.reset_index(drop=True), pd.read_csv(tmp_path / "loss.csv"))


def test_every_process_changes_the_model_in_its_own_way(forked):
    assert len({(forked / name / WEIGHTS).read_bytes() for name in VARIANTS}) == len(VARIANTS)


def test_a_map_of_no_weight_changes_nothing_at_all(forked, tmp_path):
    weightless = run(forked, tmp_path, forward_weight=0.0, reverse_weight=0.0)
    assert weightless[WEIGHTS] == (forked / "baseline" / WEIGHTS).read_bytes()
    assert weightless["maps.npy"] != (forked / "baseline" / "maps.npy").read_bytes()


def test_maps_are_refreshed_at_the_first_step_and_at_every_cycle(forked):
    maps, rows = np.load(forked / "both" / "maps.npy"), pd.read_csv(forked / "both" / "refreshes.csv")
    assert (maps.shape, maps.dtype) == ((3, tiny.SIZE, tiny.SIZE), np.float32)
    assert maps.min() >= 0.0
    assert maps.max() <= 1.0
    assert rows["step"].tolist() == [12, 16, 20]
    assert rows["mean"].to_numpy() == pytest.approx(maps.mean(axis=(1, 2)), rel=1e-6)
    assert rows["std"].to_numpy() == pytest.approx(maps.std(axis=(1, 2)), rel=1e-6)
    assert (rows["std"] > 0).all()  # else the tests of what the map does would prove nothing


def test_a_fork_between_two_cycles_refreshes_at_once_and_then_at_multiples(forked, tmp_path):
    train_base.run(tiny.base_job(forked / "images.npy", tmp_path / "base", steps=10))
    base = {"base": tmp_path / "base" / "pipeline", "state": tmp_path / "base" / "state.safetensors"}
    run(forked, tmp_path / "refined", base)
    assert pd.read_csv(tmp_path / "refined" / "refreshes.csv")["step"].tolist() == [10, 12, 16, 20]


def test_the_first_map_shows_the_flaws_of_the_averaged_weights_at_the_fork(forked):
    cpu, config = torch.device("cpu"), tiny.refined_config()
    pipeline = networks.load(forked / "base" / "pipeline", cpu)
    refinement = guidance.Refinement("xt", 0.5, "kv", 0.5, config.cycle, config.map_images, config.map_steps)
    expected = guidance.flaw_map(
        pipeline.unet.eval(),
        pipeline.scheduler.alphas_cumprod,
        highlighter.load(forked / "highlighter", cpu),
        refinement,
        seed=0,
        refresh=0,
        size=tiny.SIZE,
        dtype=torch.float32,
    )
    for name in ("forward", "reverse", "both"):
        assert np.array_equal(np.load(forked / name / "maps.npy")[0], expected.numpy())


def test_a_variant_without_map_has_an_empty_stack_and_an_empty_table(forked):
    assert np.load(forked / "baseline" / "maps.npy").shape == (0, tiny.SIZE, tiny.SIZE)
    rows = pd.read_csv(forked / "baseline" / "refreshes.csv")
    assert (list(rows.columns), len(rows)) == (["step", "mean", "std"], 0)


def test_settings_come_from_the_state_not_from_params(forked, tmp_path):
    tensors, metadata = files.read_tensors(forked / "base" / "state.safetensors")
    metadata["settings"] |= {"learning_rate": 0.02, "batch_size": 2}
    files.write_tensors(tmp_path / "state", tensors, metadata)
    changed = run(forked, tmp_path / "out", {"state": tmp_path / "state"})
    assert pd.read_csv(tmp_path / "out" / "loss.csv")["learning_rate"].unique() == pytest.approx([0.02 * 0.3])
    assert changed[WEIGHTS] != (forked / "both" / WEIGHTS).read_bytes()


def test_the_same_job_gives_the_same_bytes(forked, tmp_path):
    assert run(forked, tmp_path) == bytes_below(forked / "both")


STRANGER = """
import sys
sys.modules["selfrefine"] = None  # any import of it fails
import torch
from diffusers import DDPMPipeline
for folder in sys.argv[1:]:
    pipeline = DDPMPipeline.from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    draws = torch.Generator().manual_seed(0)
    images = pipeline(batch_size=2, generator=draws, num_inference_steps=5, output_type="np").images
    print(*images.shape, images.std() > 0, sum(value.numel() for value in pipeline.unet.parameters()))
"""


def test_stock_diffusers_loads_and_samples_what_is_exported_without_our_package(forked):
    folders = [str(forked / name / "pipeline") for name in ("base", "both")]
    ended = subprocess.run([sys.executable, "-c", STRANGER, *folders], capture_output=True, text=True, check=False)
    parameters = sum(value.numel() for value in tiny.tiny_pipeline().unet.parameters())
    assert ended.stdout.splitlines() == [f"2 {tiny.SIZE} {tiny.SIZE} 3 True {parameters}"] * 2, ended.stderr


def test_nothing_of_the_map_is_exported(forked):
    def layout(name):
        return {path: len(content) for path, content in bytes_below(forked / name / "pipeline").items()}

    assert layout("both") == layout("baseline")
    described = {name: (forked / name / "pipeline" / "unet" / "config.json").read_bytes() for name in VARIANTS}
    assert len(set(described.values())) == 1
