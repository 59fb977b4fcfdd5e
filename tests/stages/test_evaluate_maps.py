"""Images and highlighters in; figures, correlations and maps out."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfrefine.core import arrays as core_arrays
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.core.mirrored import Mirrored
from selfrefine.evidence import compared_maps, map_correlation
from selfrefine.stages.evaluate_maps import Config, Inputs, Outputs, run
from tests.support import tiny_highlighter
from tests.support.tiny import NAMES

SIZE = 8
CONFIG = Config(
    names=NAMES,
    device="cpu",
    precision="float32",
    highlighters=("flaw", "second"),
    n_fakes=10,
    horizontal_flip=False,
    n_images=12,
    map_images=4,
    n_examples=3,
)
MAPS = ["flaw", "real_map", "second", "moment_gap", "edge", "gaussian_center"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    core_arrays.write_array(folder / "real.npy", tiny_highlighter.images(40, SIZE, striped=False))
    core_arrays.write_array(folder / "fake.npy", tiny_highlighter.images(25, SIZE, striped=True))
    flaw, second = tiny_highlighter.highlighter(), tiny_highlighter.highlighter()
    with torch.no_grad():
        second.head[3].weight += 0.05 * torch.randn((2, 512), generator=torch.Generator().manual_seed(1))
    for name, model in (("flaw", flaw), ("second", second)):
        model.save(folder / name)
    return Inputs(folder / "real.npy", folder / "fake.npy", (folder / "flaw", folder / "second"))


def job(inputs: Inputs, out: Path, **changes: Any) -> Job[Config, Inputs, Outputs]:
    outputs = Outputs(out / "metrics.csv", out / "correlations.csv", out / "maps.npz")
    return Job("evaluate_maps", dataclasses.replace(CONFIG, **changes), inputs, outputs)


@pytest.fixture(scope="module")
def out(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    run(job(inputs, folder))
    return folder


def test_every_pair_of_maps_is_compared_once(out: Path) -> None:
    table = files.read_table(out / "correlations.csv")
    assert list(table.columns) == ["dataset", "model", "seed", "one", "other", "r", "low", "high", "n_images"]
    assert list(zip(table["one"], table["other"], strict=True)) == list(itertools.combinations(MAPS, 2))
    assert set(table["n_images"]) == {12}
    known = table.dropna()
    assert len(known) >= 10
    assert ((known["low"] <= known["r"]) & (known["r"] <= known["high"])).all()


def test_figures_are_tidy_and_those_of_the_library(inputs: Inputs, out: Path) -> None:
    table = files.read_table(out / "metrics.csv")
    assert list(table.columns) == [
        *("dataset", "model", "variant", "seed", "metric", "value", "low", "high", "n_images", "network", "sha256")
    ]
    found = table.set_index(["variant", "metric"])
    assert list(dict.fromkeys(table["variant"])) == ["flaw", "real_map", "second"]
    assert found.loc[("real_map", "map_mean"), "sha256"] == files.sha256(inputs.highlighters[0])
    assert found.loc[("second", "map_mean"), "sha256"] == files.sha256(inputs.highlighters[1])
    last = core_arrays.read_images(inputs.fake)[-12:]
    evidence = compared_maps.single_maps(
        tiny_highlighter.highlighter(), last, compared_maps.FAKES, seed=0, dtype=torch.float32, label=""
    )
    expected = map_correlation.map_figures(evidence) | map_correlation.single_figures(evidence, 4)
    for metric, estimate in expected.items():
        assert found.loc[("flaw", metric), "value"] == pytest.approx(estimate.value, rel=1e-4), metric
    assert math.isfinite(found.loc[("flaw", "mfam_reliability"), "low"])


def test_maps_are_kept_with_the_first_images(inputs: Inputs, out: Path) -> None:
    arrays = core_arrays.read_arrays(out / "maps.npz")
    assert [name.removeprefix("mean/") for name in arrays if name.startswith("mean/")] == MAPS
    assert all(arrays[f"mean/{name}"].shape == (SIZE, SIZE) for name in MAPS)
    assert np.array_equal(arrays["images"], core_arrays.read_images(inputs.fake)[-12:][:3])
    assert arrays["single/second"].shape == (3, SIZE, SIZE)
    assert not np.array_equal(arrays["mean/flaw"], arrays["mean/second"])


def test_it_says_the_same_twice_and_whichever_highlighters_are_beside(
    inputs: Inputs, out: Path, tmp_path: Path
) -> None:
    run(job(inputs, tmp_path / "again"))
    for name in ("metrics.csv", "correlations.csv", "maps.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()
    alone = dataclasses.replace(inputs, highlighters=inputs.highlighters[:1])
    run(job(alone, tmp_path / "alone", highlighters=("flaw",)))
    both, one = (files.read_table(folder / "correlations.csv") for folder in (out, tmp_path / "alone"))
    kept = both[(both["one"] != "second") & (both["other"] != "second")].reset_index(drop=True)
    assert one.equals(kept)


def test_real_maps_and_moments_are_of_mirrored_images_where_training_mirrors(
    inputs: Inputs, out: Path, tmp_path: Path
) -> None:
    run(job(inputs, tmp_path, horizontal_flip=True))
    plain, found = (core_arrays.read_arrays(folder / "maps.npz") for folder in (out, tmp_path))
    changed = {name.removeprefix("mean/") for name in plain if not np.array_equal(plain[name], found[name])}
    assert changed == {"real_map", "moment_gap"}
    real = Mirrored(core_arrays.read_images(inputs.real))
    expected = compared_maps.single_maps(
        tiny_highlighter.highlighter(),
        compared_maps.some_reals(real, 12, 0),
        compared_maps.REALS,
        seed=0,
        dtype=torch.float32,
        label="",
    )
    np.testing.assert_allclose(found["mean/real_map"].ravel(), expected.value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_images": 16}, r"generate_fakes\.n_images is 25; .*: at least 26 needed"),
        ({"highlighters": ("second", "unguarded")}, "evaluate_maps compares with the row flaw"),
    ],
)
def test_bad_params_are_one_line(inputs: Inputs, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        run(job(inputs, tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
