"""Features in, a tidy table of every variant, the fork and the floor out."""

import math
import subprocess
import sys

import numpy as np
import pytest

from selfrefine import files
from selfrefine.errors import InputError
from selfrefine.metrics.frechet import frechet_distance, gaussian
from selfrefine.runtime import Job
from selfrefine.stages.evaluate_generation import Config, Inputs, Outputs, run

SPACES = {"vgg": 6, "alexnet": 4}
N = 40
SHIFTS = {"baseline": 0.4, "both": 0.3, "fork": 0.8, "train": 0.0, "test": 0.0}
COMPARED = {"fd_test", "kid_test", "precision", "recall"}
MEASURED = COMPARED | {"fd_train", "nearest_in_train"}


def features(name):
    """Generated sets share their noise, as samples of the same seed do."""
    draws = np.random.default_rng({"train": 1, "test": 2}.get(name, 0))
    return {space: (draws.normal(size=(N, size)) + SHIFTS[name]).astype(np.float32) for space, size in SPACES.items()}


@pytest.fixture
def job(tmp_path):
    for name in SHIFTS:
        files.write_arrays(tmp_path / name / "features.npz", features(name))
    paths = {name: tmp_path / name / "features.npz" for name in SHIFTS}
    names = {"dataset": "shapes", "model": "tiny", "seed": "3"}
    return Job(
        "evaluate_generation",
        Config(names, ("baseline", "both"), "baseline", 3),
        Inputs((paths["baseline"], paths["both"]), paths["fork"], paths["train"], paths["test"]),
        Outputs(tmp_path / "metrics.csv"),
    )


def test_every_set_is_measured_in_every_space(job):
    run(job)
    table = files.read_table(job.outputs.metrics)
    assert list(table.columns) == [
        *("dataset", "model", "variant", "seed", "metric", "value", "low", "high", "n_images", "network", "sha256")
    ]
    for space in SPACES:
        rows = table[table["network"] == space].groupby("variant", sort=False)["metric"].agg(set).to_dict()
        difference = {"fd_test_log_difference"}
        assert rows == {
            "baseline": MEASURED,
            "both": MEASURED | difference,
            "fork": MEASURED | difference,
            "floor": COMPARED,
        }
    assert not table.duplicated(["variant", "metric", "network"]).any()
    assert set(table["seed"]) == {3}
    assert set(table["n_images"]) == {N}
    assert table.set_index("variant").loc["fork", "sha256"].iloc[0] == files.sha256(job.inputs.fork)


def test_values_are_those_of_the_features(job):
    run(job)
    table = files.read_table(job.outputs.metrics).set_index(["network", "variant", "metric"])
    sets = {name: gaussian(features(name)["alexnet"]) for name in SHIFTS}
    for name in ("baseline", "both", "fork"):
        for split in ("train", "test"):
            expected = frechet_distance(sets[name], sets[split])
            assert table.loc[("alexnet", name, f"fd_{split}"), "value"] == pytest.approx(expected, rel=1e-6)
    difference = table.loc[("alexnet", "both", "fd_test_log_difference")]
    ratio = frechet_distance(sets["both"], sets["test"]) / frechet_distance(sets["baseline"], sets["test"])
    assert difference["value"] == pytest.approx(math.log(ratio), rel=1e-6)
    assert difference["low"] < difference["value"] < difference["high"] < 0.0
    assert math.isnan(table.loc[("vgg", "both", "fd_test"), "low"])  # 40 images are too few for 6 features


def with_nan(arrays):
    arrays["vgg"][7, 0] = np.nan
    return arrays


@pytest.mark.parametrize(
    ("broken", "change", "told"),
    [
        ("both", with_nan, "vgg of image 7 is not finite"),
        ("test", with_nan, "vgg of image 7 is not finite"),
        ("both", lambda arrays: {"vgg": arrays["vgg"]}, "has the feature spaces vgg, but"),
        ("fork", lambda arrays: {name: array[:-1] for name, array in arrays.items()}, "every row needs the same"),
        ("train", lambda arrays: {name: array[:-1] for name, array in arrays.items()}, "every row needs the same"),
    ],
)
def test_features_that_do_not_match_are_one_line(job, tmp_path, broken, change, told):
    path = tmp_path / broken / "features.npz"
    files.write_arrays(path, change(features(broken)))
    with pytest.raises(InputError, match=told) as error:
        run(job)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert not job.outputs.metrics.exists()


def test_the_reference_must_be_selected(job):
    config = Config(job.config.names, ("forward", "both"), "baseline", 3)
    with pytest.raises(InputError, match=r"reference is 'baseline', but select\.variants has only forward, both"):
        run(Job(job.name, config, job.inputs, job.outputs))


def test_measuring_does_not_wait_for_torch():
    code = "import sys, selfrefine.stages.evaluate_generation; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
