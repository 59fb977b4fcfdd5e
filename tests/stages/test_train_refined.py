import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine import networks
from selfrefine.core import arrays
from selfrefine.core.errors import InputError
from selfrefine.diffusion import noise_schedule
from selfrefine.guidance.map_refresh import Guide
from selfrefine.highlighter import model
from selfrefine.stages import train_base, train_refined
from tests.support import tiny
from tests.support.tiny import bytes_below

WEIGHTS = "pipeline/unet/diffusion_pytorch_model.safetensors"
VARIANTS = {
    "baseline": {"forward": "none", "reverse": "none"},
    "forward": {"forward": "xt", "reverse": "none"},
    "reverse": {"forward": "none", "reverse": "kv"},
    "both": {"forward": "xt", "reverse": "kv"},
    "projected": {"forward": "xt", "reverse": "kv", "projection": "conv3", "map": "cells"},
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
    assert rows["kept"].tolist() == [1, 1, 1]
    mean = np.load(forked / "both" / "mean_map.npy")
    assert (mean.shape, mean.dtype) == ((1, tiny.SIZE, tiny.SIZE), np.float32)
    np.testing.assert_allclose(mean[0], maps.mean(axis=0, dtype=np.float64), rtol=1e-6)
    assert (rows["std"] > 0).all()  # else the tests of what the map does would prove nothing


def test_a_fork_between_two_cycles_refreshes_at_once_and_then_at_multiples(forked, tmp_path):
    train_base.run(tiny.base_job(forked / "images.npy", tmp_path / "base", steps=10))
    base = {"base": tmp_path / "base" / "pipeline", "state": tmp_path / "base" / "state.safetensors"}
    run(forked, tmp_path / "refined", base)
    assert pd.read_csv(tmp_path / "refined" / "refreshes.csv")["step"].tolist() == [10, 12, 16, 20]


def test_the_first_map_shows_the_flaws_of_the_averaged_weights_at_the_fork(forked):
    cpu, config = torch.device("cpu"), tiny.refined_config()
    pipeline = networks.load(forked / "base" / "pipeline", cpu)
    guide = Guide(
        config.recipe(),
        noise_schedule.of(pipeline),
        model.load(forked / "highlighter", cpu),
        arrays.read_images(forked / "images.npy"),
        seed=0,
        dtype=torch.float32,
        horizontal_flip=True,
    )
    expected = guide(pipeline.unet.eval(), 0).mfam.numpy()
    for name in ("forward", "reverse", "both", "projected"):
        assert np.array_equal(np.load(forked / name / "mfams.npy")[0], expected)
    for name in ("forward", "reverse", "both"):
        assert (forked / name / "maps.npy").read_bytes() == (forked / name / "mfams.npy").read_bytes()


@pytest.mark.parametrize(
    ("variant", "kind", "told"),
    [
        (
            "both",
            "mfam",
            "the map is 0 everywhere at 3 of 3 refreshes: there it steers nothing; see the highlighter in ",
        ),
        (
            "both",
            "cells",
            "the map is 0 everywhere at 3 of 3 refreshes: there it steers nothing; see the highlighter in ",
        ),
        (
            "both",
            "mfam_inverted",
            "the map is the same everywhere at 3 of 3 refreshes: there it has strength and no pla",
        ),
        ("both", "gaussian_center", ""),
        ("baseline", "mfam", ""),
    ],
)
def test_a_map_without_a_place_is_told_by_the_job(forked, tmp_path, capsys, variant, kind, told):
    """The maps of a highlighter whose head knows nothing are empty."""
    blind = model.load(forked / "highlighter", torch.device("cpu"))
    with torch.no_grad():
        for weights in blind.head.parameters():
            weights.zero_()
    blind.save(tmp_path / "blind")
    given = {"flaw_highlighter": tmp_path / "blind", "highlighter": tmp_path / "blind"}
    run(forked, tmp_path / "out", given, **VARIANTS[variant] | {"map": kind})
    lines = [line for line in capsys.readouterr().out.splitlines() if "the map is" in line]
    assert len(lines) == bool(told)
    assert all(told in line for line in lines)


def test_a_map_with_a_place_is_not_doubted(forked, tmp_path, capsys):
    run(forked, tmp_path, **VARIANTS["both"])
    assert "the map is" not in capsys.readouterr().out


def test_a_variant_without_map_has_an_empty_stack_and_an_empty_table(forked):
    assert np.load(forked / "baseline" / "maps.npy").shape == (0, tiny.SIZE, tiny.SIZE)
    rows = pd.read_csv(forked / "baseline" / "refreshes.csv")
    assert np.load(forked / "baseline" / "mfams.npy").shape == (0, tiny.SIZE, tiny.SIZE)
    assert np.load(forked / "baseline" / "mean_map.npy").shape == (0, tiny.SIZE, tiny.SIZE)
    assert list(rows.columns) == ["step", "mean", "std", "mfam_mean", "mfam_std", "r_mfam", "r_first", "kept"]
    assert len(rows) == 0


def test_settings_come_from_the_state_not_from_params(forked, tmp_path):
    tensors, metadata = arrays.read_tensors(forked / "base" / "state.safetensors")
    metadata["settings"] |= {"learning_rate": 0.02, "batch_size": 2}
    arrays.write_tensors(tmp_path / "state", tensors, metadata)
    changed = run(forked, tmp_path / "out", {"state": tmp_path / "state"})
    assert pd.read_csv(tmp_path / "out" / "loss.csv")["learning_rate"].unique() == pytest.approx([0.02 * 0.3])
    assert changed[WEIGHTS] != (forked / "both" / WEIGHTS).read_bytes()


def test_the_same_job_gives_the_same_bytes(forked, tmp_path):
    assert run(forked, tmp_path / "both") == bytes_below(forked / "both")
    projected = run(forked, tmp_path / "projected", **VARIANTS["projected"])
    assert projected == bytes_below(forked / "projected")


def test_refreshes_are_logged_with_both_maps(forked):
    rows = pd.read_csv(forked / "projected" / "refreshes.csv")
    used, mfams = (np.load(forked / "projected" / f"{name}.npy").astype(np.float64) for name in ("maps", "mfams"))
    assert rows["mean"].to_numpy() == pytest.approx(rows["mfam_mean"].to_numpy(), rel=1e-5)  # cells are matched
    assert rows["std"].to_numpy() == pytest.approx(rows["mfam_std"].to_numpy(), rel=1e-4)
    assert rows["mfam_mean"].to_numpy() == pytest.approx(mfams.mean(axis=(1, 2)), rel=1e-5)
    for column, others in (("r_mfam", mfams), ("r_first", [mfams[0]] * len(mfams))):
        expected = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(used, others, strict=True)]
        assert rows[column].to_numpy() == pytest.approx(expected, abs=1e-5)
    both = pd.read_csv(forked / "both" / "refreshes.csv")
    assert both["r_mfam"].to_numpy() == pytest.approx(1.0)
    assert both["r_first"][0] == pytest.approx(1.0)
    assert both["r_first"][1] < 1.0


def test_input_perturbation_needs_no_map(forked, tmp_path):
    perturbed = run(forked, tmp_path, forward="none", reverse="none", gamma=0.5)
    assert perturbed["maps.npy"] == (forked / "baseline" / "maps.npy").read_bytes()
    assert perturbed[WEIGHTS] != (forked / "baseline" / WEIGHTS).read_bytes()


def test_extra_steps_are_a_share_of_the_phase_and_plain(forked, tmp_path):
    run(forked, tmp_path / "long", **VARIANTS["baseline"], extra_steps=0.5)
    run(forked, tmp_path / "longer", **VARIANTS["baseline"], steps=18)
    assert pd.read_csv(tmp_path / "long" / "loss.csv")["step"].max() == 12 + 12 + 6
    assert (tmp_path / "long" / WEIGHTS).read_bytes() == (tmp_path / "longer" / WEIGHTS).read_bytes()


def test_the_label_shuffled_map_comes_from_the_second_highlighter(forked, tmp_path):
    shuffled = model.load(forked / "highlighter", torch.device("cpu"))
    with torch.no_grad():
        shuffled.head[3].weight.neg_()
    shuffled.save(tmp_path / "shuffled")
    run(forked, tmp_path / "out", {"highlighter": tmp_path / "shuffled"}, map="label_shuffled")
    used, mfams = (np.load(tmp_path / "out" / f"{name}.npy") for name in ("maps", "mfams"))
    assert np.array_equal(mfams[0], np.load(forked / "both" / "mfams.npy")[0])
    assert not np.array_equal(used[0], mfams[0])


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

    assert layout("both") == layout("projected") == layout("baseline")
    tensors = [networks.load(forked / name / "pipeline", torch.device("cpu")).unet.state_dict() for name in VARIANTS]
    assert len({tuple(state) for state in tensors}) == 1
    described = {name: (forked / name / "pipeline" / "unet" / "config.json").read_bytes() for name in VARIANTS}
    assert len(set(described.values())) == 1


def test_a_copy_that_learns_from_its_own_samples_is_a_baseline_of_these_images(forked, tmp_path):
    """As many updates from the fork on; not one bit differs from plain refinement with these images in their place."""
    arrays.write_array(tmp_path / "fakes.npy", 255 - tiny.tiny_images(10))
    plain = {"forward": "none", "reverse": "none"}
    own = {**plain, "trained_on": "own_samples"}
    found = run(forked, tmp_path / "own", {"fakes": (tmp_path / "fakes.npy",)}, **own)
    expected = run(forked, tmp_path / "plain", {"images": tmp_path / "fakes.npy"}, **plain)
    assert found == expected
    assert found[WEIGHTS] != (forked / "baseline" / WEIGHTS).read_bytes()


@pytest.mark.parametrize("given", [0, 2])
def test_own_samples_that_are_not_given_are_told(forked, tmp_path, given):
    fakes = (forked / "images.npy",) * given
    with pytest.raises(InputError, match=r"train_refined\.trained_on is own_samples, but"):
        run(forked, tmp_path, {"fakes": fakes}, forward="none", reverse="none", trained_on="own_samples")
    assert not (tmp_path / "loss.csv").exists()
