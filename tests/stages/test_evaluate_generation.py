"""Features in, a tidy table of every variant, the fork and the floor out."""

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest

from selfrefine.core import arrays as core_arrays
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.metrics.frechet import frechet_distance, gaussian
from selfrefine.stages.evaluate_generation import Config, Inputs, Outputs, run

SPACES = {"vgg": 6, "alexnet": 4}
N = 40
SHIFTS = {"baseline": 0.4, "both": 0.3, "time_shift": 0.45, "fork": 0.8, "train": 0.0, "test": 0.0}
COMPARED = {"fd_test", "kid_test", "precision", "recall", "clipped_density", "clipped_coverage"}
MEASURED = COMPARED | {"fd_train", "nearest_in_train"}


def features(name):
    """Generated sets share their noise, as samples of the same seed do."""
    draws = np.random.default_rng({"train": 1, "test": 2}.get(name, 0))
    return {space: (draws.normal(size=(N, size)) + SHIFTS[name]).astype(np.float32) for space, size in SPACES.items()}


def write(inputs, **changes):
    """The features of all rows, real images in a file of their own; `changes` replace some of a row's."""
    arrays = {row: features(row) | changes.get(row, {}) for row in SHIFTS}
    for path, rows in ((inputs.features, list(SHIFTS)[:4]), (inputs.real, list(SHIFTS)[4:])):
        core_arrays.write_arrays(
            path, {f"{row}/{space}": array for row in rows for space, array in arrays[row].items()}
        )


@pytest.fixture
def job(tmp_path):
    inputs = Inputs(tmp_path / "features.npz", tmp_path / "real.npz")
    write(inputs)
    names = {"dataset": "shapes", "model": "tiny", "seed": "3"}
    return Job(
        "evaluate_generation",
        Config(names, ("baseline", "both"), ("time_shift",), "baseline", 3),
        inputs,
        Outputs(tmp_path / "metrics.csv"),
    )


def test_every_set_is_measured_in_every_space(job):
    run(job)
    table = files.read_table(job.outputs.metrics)
    assert list(table.columns) == [
        *("dataset", "model", "variant", "seed", "metric", "value", "low", "high"),
        *("n_images", "n_reference", "n_features", "network", "sha256"),
    ]
    for space in SPACES:
        rows = table[table["network"] == space].groupby("variant", sort=False)["metric"].agg(set).to_dict()
        difference = {"fd_test_log_difference"}
        assert rows == {
            "baseline": MEASURED,
            "both": MEASURED | difference,
            "time_shift": MEASURED | difference,
            "fork": MEASURED | difference,
            "floor": COMPARED,
        }
    assert not table.duplicated(["variant", "metric", "network"]).any()
    assert set(table["seed"]) == {3}
    assert set(table["n_images"]) == {N}
    sums = table.groupby("variant")["sha256"].agg(set)
    assert all(len(found) == 1 for found in sums)
    assert len(set.union(*sums)) == 5, "rows of other images differ"
    assert sums["both"] == {hashlib.sha256(b"".join(a.tobytes() for a in features("both").values())).hexdigest()}


def test_values_are_those_of_the_features(job):
    run(job)
    table = files.read_table(job.outputs.metrics).set_index(["network", "variant", "metric"])
    sets = {name: gaussian(features(name)["alexnet"]) for name in SHIFTS}
    for name in ("baseline", "both", "time_shift", "fork"):
        for split in ("train", "test"):
            expected = frechet_distance(sets[name], sets[split])
            assert table.loc[("alexnet", name, f"fd_{split}"), "value"] == pytest.approx(expected, rel=1e-6)
    difference = table.loc[("alexnet", "both", "fd_test_log_difference")]
    ratio = frechet_distance(sets["both"], sets["test"]) / frechet_distance(sets["baseline"], sets["test"])
    assert difference["value"] == pytest.approx(math.log(ratio), rel=1e-6)
    assert difference["low"] < difference["value"] < difference["high"] < 0.0
    assert math.isnan(table.loc[("vgg", "both", "fd_test"), "low"])  # 40 images are too few for 6 features


def test_photographs_of_other_numbers(job):
    """Distances are to all of them; the floor has as many images as the samples; neighbours are of equal pools."""
    more = {space: np.concatenate([array, 1.1 * array]) for space, array in features("train").items()}
    fewer = {space: array[:30] for space, array in features("test").items()}
    write(job.inputs, train=more, test=fewer)
    run(job)
    table = files.read_table(job.outputs.metrics)
    assert set(table["n_images"]) == {N}
    numbers = table.groupby("metric")["n_reference"].agg(set).to_dict()
    to_test = {name: {30} for name in (*COMPARED, "fd_test_log_difference")}
    assert numbers == to_test | {"fd_train": {len(more["alexnet"])}, "nearest_in_train": {60}}
    assert {*table.groupby("network")["n_features"].agg(set).map(tuple)} == {(a.shape[1],) for a in fewer.values()}
    table = table[table["network"] == "alexnet"].set_index(["variant", "metric"])["value"]
    train, test, both = (gaussian(array["alexnet"]) for array in (more, fewer, features("both")))
    assert table["both", "fd_train"] == pytest.approx(frechet_distance(both, train), rel=1e-6)
    assert table["both", "fd_test"] == pytest.approx(frechet_distance(both, test), rel=1e-6)
    floor = gaussian(more["alexnet"][:N])
    assert table["floor", "fd_test"] == pytest.approx(frechet_distance(floor, test), rel=1e-6)
    assert 0.2 < table["both", "nearest_in_train"] < 0.8, "thrice as many training images would be nearer"


def with_nan(row):
    array = features(row)["vgg"]
    array[7, 0] = np.nan
    return {row: {"vgg": array}}


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (with_nan("time_shift"), "time_shift/vgg of image 7 is not finite"),
        (with_nan("test"), "test/vgg of image 7 is not finite"),
        ({"fork": {"vgg": features("fork")["vgg"][:-1]}}, "fork/vgg has .*every row needs the same"),
        ({"train": {"alexnet": features("train")["alexnet"][:, :-1]}}, "train/alexnet has .*every row needs the same"),
        ({"test": {"vgg": features("test")["vgg"][:2]}}, "2 images in a row, 4 or more needed"),
    ],
)
def test_features_that_do_not_match_are_one_line(job, broken, told):
    write(job.inputs, **broken)
    with pytest.raises(InputError, match=told) as error:
        run(job)
    assert "\n" not in str(error.value)
    assert str(job.inputs.features) in str(error.value)
    assert not job.outputs.metrics.exists()


def test_the_reference_must_be_selected(job):
    config = Config(job.config.names, ("forward", "both"), (), "baseline", 3)
    with pytest.raises(InputError, match=r"reference is 'baseline', but select\.variants has only forward, both"):
        run(Job(job.name, config, job.inputs, job.outputs))


def test_measuring_does_not_wait_for_torch():
    code = "import sys, selfrefine.stages.evaluate_generation; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
