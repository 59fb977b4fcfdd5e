"""Marked images and photographs in; figures, a page, what became of the records and a picture out."""

import dataclasses
import signal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from selfrefine.core import config_json, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job, stage_config
from selfrefine.params import job_config
from selfrefine.report.tables import human_marks as table
from selfrefine.stages import evaluate_human_marks
from selfrefine.stages.evaluate_human_marks import Config, Inputs, Outputs, run
from tests.support import tiny, tiny_highlighter
from tests.support.children import in_update, run_job
from tests.support.job_list import project_params

SIZE = 32
LEAVES = {
    "size": SIZE,
    "input_size": SIZE,
    "n_evaluated": 8,
    "n_examples": 3,
    "steps": 4,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "validate_every": 2,
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 striped images with a square that is marked in 20 of them, 22 photographs, weights."""
    folder = tmp_path_factory.mktemp("given")
    for name in ("marked/images", "marked/marks", "photographs"):
        (folder / name).mkdir(parents=True)
    draws = np.random.default_rng(0)
    for number, image in enumerate(tiny_highlighter.images(24, SIZE, striped=True)):
        Image.fromarray(image).save(folder / "marked" / "images" / f"{number}.png")
        if number < 20:
            mask, (top, left) = np.zeros((SIZE, SIZE), np.uint8), draws.integers(0, 20, 2)
            mask[top : top + 10, left : left + 10] = 255
            Image.fromarray(mask).save(folder / "marked" / "marks" / f"{number}.png")
    for number, image in enumerate(tiny_highlighter.images(22, SIZE, striped=False)):
        Image.fromarray(image).save(folder / "photographs" / f"{number}.png")
    tiny_highlighter.write_weights(folder / "weights.safetensors")
    return folder


def job(given: Path, out: Path, **changes: Any) -> Job[Config, Inputs, Outputs]:
    """The job that the row my_marks of params.yaml has, of smaller numbers."""
    own = {"folder": str(given / "marked"), "real": str(given / "photographs"), **LEAVES, **changes}
    row = {"human_marks": {"my_marks": {"evaluate_human_marks": own}}, "shared": {"device": "cpu"}}
    params = job_config.merge(project_params("embedded"), row)
    leaves = job_config.job(params, "evaluate_human_marks", {"human_mark": "my_marks"})
    config = stage_config(Config, config_json.to_json(leaves | {"contents": "digest"}))
    outputs = Outputs(*(out / name for name in ("table.csv", "table.md", "counts.csv", "examples.png")))
    return Job("evaluate_human_marks", config, Inputs(given / "weights.safetensors"), outputs)


@pytest.fixture(scope="module")
def unbroken(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unbroken")
    ended = run_job(job(given, folder), tmp_path_factory.mktemp("log"))
    assert ended.code == 0, ended.err
    return folder


def test_every_map_stands_beside_the_flaw_map_with_its_difference(unbroken: Path) -> None:
    lines = files.read_table(unbroken / "table.csv")
    assert list(lines.columns) == table.COLUMNS
    found = lines.set_index(["row", "metric"])
    assert set(lines["row"]) == {*table.TITLES, table.HIGHLIGHTER}
    assert set(found.loc["flaw"].index) == {"share", "pixel_roc_auc", "empty"}
    assert (lines.loc[lines["row"] != table.HIGHLIGHTER, "n_images"] == 8).all()
    for rival in ("another_image", "gaussian_center", "edge", "chance"):
        for metric in ("share", "pixel_roc_auc"):
            less = found.loc[("flaw", metric), "value"] - found.loc[(rival, metric), "value"]
            assert found.loc[(rival, metric), "difference"] == pytest.approx(less, abs=1e-6)
    assert found.loc[("chance", "share"), "value"] == pytest.approx(100 / SIZE**2, rel=1e-3), "the marked area"
    assert 0.0 <= found.loc[("highlighter", "roc_auc"), "value"] <= 1.0


def test_the_page_has_the_figures_the_domain_and_the_records(unbroken: Path, given: Path, tmp_path: Path) -> None:
    page = (unbroken / "table.md").read_text()
    assert "| Flaw maps of the other images |" in page
    assert "Photographs: same domain." in page
    (line,) = files.read_table(unbroken / "counts.csv").to_dict("records")
    assert (line["records"], line["not_collected"], line["marked"]) == (24, 4, 20)
    assert (unbroken / "examples.png").read_bytes().startswith(b"\x89PNG")
    run(job(given, tmp_path, same_domain=False))
    assert "**The photographs are of another domain" in (tmp_path / "table.md").read_text()
    assert set(files.read_table(tmp_path / "table.csv")["photographs"]) == {"another domain"}


def test_killed_and_started_again_it_ends_in_the_same_bytes(given: Path, unbroken: Path, tmp_path: Path) -> None:
    killed, log = job(given, tmp_path / "out"), tmp_path / "log"
    assert run_job(killed, log, partial(in_update, 3)).code == -signal.SIGKILL
    assert not killed.outputs.csv.exists()
    assert "going on after step 2" in run_job(killed, log).out
    assert tiny.bytes_below(tmp_path / "out") == tiny.bytes_below(unbroken)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_evaluated": 15}, "n_evaluated is 15; allowed: at most 14, since 20 of 24 images have marked and unmarked"),
        ({"folder": "nowhere"}, "nowhere: no such folder; put the set there"),
        ({"real": "nowhere"}, "nowhere: 0 photographs that can be read; 10 needed"),
        ({"layout": "pal4vst"}, "none of images/train, images/val, images/test in it, as PAL4VST has them"),
    ],
)
def test_what_does_not_fit_is_one_line(given: Path, tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        run(job(given, tmp_path, **changes))
    assert "\n" not in str(error.value)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_photographs_that_people_marked_are_refused(given: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"images/\d+\.png: an image of the set that people marked; photographs needed"
    ):
        run(job(given, tmp_path, real=str(given / "marked")))


def test_every_leaf_of_a_row_is_a_field_of_the_config(given: Path, tmp_path: Path) -> None:
    for name in project_params("embedded")["human_marks"]:
        leaves = job_config.job(project_params("embedded"), "evaluate_human_marks", {"human_mark": name})
        fields = {field.name for field in dataclasses.fields(evaluate_human_marks.Config)}
        assert leaves.keys() | {"contents"} == fields | {"threads"}
