"""Images, highlighters and a base model in; the folder of a study, its maps and what Figure 9 draws out."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from selfrefine import networks
from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.evidence import compared_maps
from selfrefine.highlighter.model import Highlighter
from selfrefine.stages.prepare_study import Config, Inputs, Outputs, run
from selfrefine.study import folder, trials
from tests.support import tiny, tiny_highlighter
from tests.support.tiny_study import PAGE

GRID, N_FAKES, SHOWN = 4, 6, 5
CONFIG = Config(
    names={"study": "shapes"},
    run=tiny.NAMES,
    title="Which shapes look natural?",
    device="cpu",
    precision="float32",
    highlighters=("flaw", "second"),
    n_fakes=N_FAKES,
    grid=GRID,
    n_generated=SHOWN,
    n_repeats=2,
    n_catch=2,
    n_real=3,
    n_practice=2,
    patch_share=0.5,
    patch_noise=120.0,
    levels=(0.9, 0.3),
    draws=1,
    consent="",
    contact="lab@example.org",
)


def highlighters() -> dict[str, Highlighter]:
    """The second one, of other fakes, sees other things."""
    flaw, second = tiny_highlighter.highlighter(), tiny_highlighter.highlighter()
    second.draw = 1
    with torch.no_grad():
        second.head[3].weight += 0.05 * torch.randn((2, 512), generator=torch.Generator().manual_seed(1))
    return {"flaw": flaw, "second": second}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    place = tmp_path_factory.mktemp("inputs")
    arrays.write_array(place / "fake.npy", tiny_highlighter.images(2 * N_FAKES + SHOWN, tiny.SIZE, striped=True))
    arrays.write_array(place / "test.npy", tiny_highlighter.images(9, tiny.SIZE, striped=False))
    for name, model in highlighters().items():
        model.save(place / name)
    networks.save(tiny.tiny_pipeline(), place / "pipeline")
    page = tuple(sorted(path for path in PAGE.rglob("*") if path.is_file()))
    both = (place / "flaw", place / "second")
    return Inputs(place / "fake.npy", place / "test.npy", both, place / "pipeline", (), page, ())


def job(inputs: Inputs, out: Path, **changes: Any) -> Job[Config, Inputs, Outputs]:
    config = dataclasses.replace(CONFIG, **changes)
    return Job("prepare_study", config, inputs, Outputs(out / "study", out / "trials.npz"))


@pytest.fixture(scope="module")
def out(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out")
    run(job(inputs, place))
    return place


def picture(out: Path, name: str) -> np.ndarray:
    return np.array(Image.open(out / "study" / "public" / "images" / f"{name}.png"))


def of_kind(out: Path, kind: str) -> dict[str, folder.KeyTrial]:
    key = folder.read_key(out / "study")
    return {name: trial for name, trial in key.trials.items() if trial.kind == kind}


def test_it_shows_generated_images_that_no_highlighter_has_seen_and_photographs(inputs: Inputs, out: Path) -> None:
    unseen = arrays.read_images(inputs.fake)[2 * N_FAKES :]  # of each of two draws the first ones are learned from
    photographs = arrays.read_images(inputs.test)
    generated, repeats = of_kind(out, "generated"), of_kind(out, "repeat")
    assert sorted(trial.row for trial in generated.values()) == list(range(SHOWN))
    for name, trial in generated.items():
        assert np.array_equal(picture(out, name), unseen[trial.row])
    assert sorted(trial.row for trial in repeats.values()) == [0, 1]
    for name, trial in repeats.items():
        assert trial.repeats is not None
        assert generated[trial.repeats].row == trial.row
        assert np.array_equal(picture(out, name), unseen[trial.row])
    assert sorted(trial.row for trial in of_kind(out, "real").values()) == [4, 5, 6]
    for name, trial in of_kind(out, "real").items():
        assert np.array_equal(picture(out, name), photographs[trial.row])


def test_practice_and_catch_images_bear_a_gross_flaw_where_the_key_says(inputs: Inputs, out: Path) -> None:
    photographs = arrays.read_images(inputs.test).astype(float)
    told = folder.read_public(out / "study")["practice"]
    flawed = {trial["id"]: (row, trial["flaw"]) for row, trial in enumerate(told)}
    flawed |= {name: (trial.row, trial.flaw) for name, trial in of_kind(out, "catch").items()}
    assert sorted(row for row, _ in flawed.values()) == [0, 1, 2, 3]
    for name, (row, flaw) in flawed.items():
        changed = np.abs(picture(out, name) - photographs[row]).mean(axis=2)
        cells = changed.reshape(GRID, 2, GRID, 2).mean(axis=(1, 3)).ravel()
        assert 4 <= len(flaw) <= 6  # a patch of 2 x 2 cells that need not begin at the border of one
        assert cells[list(flaw)].min() > 15.0 > 2.0 * np.median(cells)


def test_the_maps_of_an_image_are_its_own(inputs: Inputs, out: Path) -> None:
    maps, generated = folder.read_maps(out / "study"), of_kind(out, "generated")
    assert list(maps["trials"]) == list(generated)
    assert {*maps} == {"flaw", "second", "gaussian_center", "edge", "disagreement", "trials"}
    unseen = arrays.read_images(inputs.fake)[2 * N_FAKES :]
    rows = [trial.row for trial in generated.values()]
    for name, model in highlighters().items():
        single = compared_maps.single_maps(model, unseen, "fake", seed=0, dtype=torch.float32, label="").single
        cells = single.reshape(SHOWN, GRID, 2, GRID, 2).mean(axis=(2, 4))
        np.testing.assert_allclose(maps[name], cells[rows], rtol=1e-4, atol=1e-6)
    assert np.ptp(maps["gaussian_center"], axis=0).max() == 0.0
    assert np.ptp(maps["disagreement"], axis=(1, 2)).min() > 0.0
    assert not np.array_equal(maps["flaw"], maps["second"])
    drawn = arrays.read_arrays(out / "trials.npz")
    assert np.array_equal(drawn["images"], unseen[rows])
    assert np.array_equal(drawn["cells"], maps["flaw"])


def test_nothing_that_the_page_is_given_tells_the_kind_of_a_trial(out: Path) -> None:
    told = folder.read_public(out / "study")
    names = [trial["id"] for trial in told["trials"]]
    assert names == sorted(names)
    assert names == [*folder.read_key(out / "study").trials]
    kinds = [trial.kind for trial in folder.read_key(out / "study").trials.values()]
    assert kinds != sorted(kinds)
    assert all({*trial} == {"id", "image", "block"} for trial in told["trials"])
    public = (out / "study" / "public").rglob("*")
    assert not any(path.suffix in (".npz", ".npy") or path.name == "key.json" for path in public)


def test_the_same_again_is_the_same_study_and_another_seed_another(inputs: Inputs, out: Path, tmp_path: Path) -> None:
    run(job(inputs, tmp_path / "again"))
    assert tiny.bytes_below(tmp_path / "again") == tiny.bytes_below(out)
    run(job(inputs, tmp_path / "other", run=tiny.NAMES | {"seed": "1"}))
    assert folder.read_key(tmp_path / "other" / "study").study != folder.read_key(out / "study").study


def test_a_laboratory_has_its_own_consent(inputs: Inputs, tmp_path: Path) -> None:
    files.write_text(tmp_path / "own.html", "<p>Our own words. Ask {contact}.</p>")
    run(job(dataclasses.replace(inputs, consent=(tmp_path / "own.html",)), tmp_path))
    assert "Our own words. Ask lab@example.org." in (tmp_path / "study/public/consent.html").read_text()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_generated": SHOWN + 1}, r"generate_fakes\.n_images is 17; .* 12 of them .* 6 others: at least 18 needed"),
        ({"n_real": 6}, r"prepare_study asks for 10 photographs .*, but the test split has 9"),
    ],
)
def test_too_few_images_are_one_line(inputs: Inputs, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        run(job(inputs, tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_order_of_trials_takes_no_stream_of_another_purpose() -> None:
    """Its purpose is no word of `random_streams`, which every stage imports."""
    assert trials.ORDER not in trials.Purpose.__args__
