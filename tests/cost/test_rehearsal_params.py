"""The rehearsal is the paper's experiment but for steps, numbers of images, and what is to be had by network only."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfrefine.cost import rehearsal, rehearsal_params
from selfrefine.cost.rehearsal import Asked
from selfrefine.cost.rehearsal_params import CHANGED, ENCODER
from selfrefine.params import check, experiment, job_config

ROOT = Path(__file__).parents[2]
PAPER = experiment.laid_over(ROOT, [("", {"experiment": "paper"})])


def rehearsed(fraction: float, **select: list[str]) -> dict[str, Any]:
    return rehearsal.params(ROOT, Asked(fraction, select, {}))


def differences(ours: Any, theirs: Any, key: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Leaves that are not equal, or that only one of two trees has."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in ours.keys() | theirs.keys():
            yield from differences(ours.get(name), theirs.get(name), (*key, str(name)))
    elif ours != theirs:
        yield key


@pytest.mark.parametrize("fraction", [1.0, 0.01])
def test_no_leaf_differs_but_those_that_are_listed(fraction: float) -> None:
    changed = set(differences(rehearsed(fraction), PAPER))
    assert ("models", "uvit", "train_base", "steps") in changed
    beside = {("experiment",), ("text_encoders", ENCODER)}
    assert {key[-2:] for key in changed - beside} <= CHANGED.keys()


def test_every_listed_leaf_is_one_of_the_papers() -> None:
    rows = [row for section in job_config.ROWS for row in PAPER.get(section, {}).values()]
    held = {(stage, leaf) for section in [PAPER, *rows] for stage, leaf in CHANGED if leaf in _leaves(section, stage)}
    assert CHANGED.keys() == held


def _leaves(section: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    found = section.get(stage)
    return found if isinstance(found, Mapping) else {}


def test_all_of_it_has_every_image_chunk_and_batch_of_the_paper() -> None:
    """Steps, providers and what the random text encoder is called are all that is left."""
    changed = {key[-1] for key in differences(rehearsed(1.0), PAPER)}
    steps = {"steps", "map_steps", "warmup_steps", "checkpoint_every", "log_every", "validate_every"}
    assert changed - {"threads"} == {*steps, "experiment", "providers", "text_encoder", ENCODER}


@pytest.mark.parametrize("fraction", [1.0, 0.3, 0.01, 0.001, 0.0001])
def test_it_is_right_but_for_folders_that_are_made_later(fraction: float) -> None:
    assert not check.check(rehearsed(fraction), ROOT, folders=False)


@pytest.mark.parametrize("fraction", [1.0, 0.01, 0.0001])
def test_no_split_is_smaller_than_what_is_asked_of_it(fraction: float) -> None:
    """Counted by the names of the photographs that a rehearsal makes, as `counted_images` does of a folder."""
    values = rehearsed(fraction)
    names = rehearsal.photographs(values, fraction)

    def count(prepared: Mapping[str, Any]) -> dict[str, int]:
        train, test = rehearsal.splits(prepared, names[Path(prepared["folder"])])
        return {"train": len(train), "test": len(test), "classes": 1}

    assert not check.check(values, ROOT, folders=False, count=count)


def test_its_file_is_read_as_it_was_meant(tmp_path: Path) -> None:
    values = rehearsed(0.01)
    path = tmp_path / "rehearsal.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if key != "experiment"}))
    assert experiment.strict_yaml.read(path) | {"experiment": "rehearsal"} == values


def test_rows_may_be_left_out() -> None:
    values = rehearsed(0.01, datasets=["church"], models=["ddpm_64"])
    assert job_config.selected(values, "datasets") == ["church"]
    assert values["experiment"] == rehearsal_params.NAME
    assert set(rehearsal.photographs(values, 0.01)) == {Path("downloads/lsun_church")}


@pytest.mark.parametrize(
    ("select", "first"),
    [
        ({"models": ["uvit", "ldm"]}, "uvit"),
        ({"models": ["stable_diffusion"], "datasets": ["coco"]}, "stable_diffusion"),
        ({"models": ["ddpm_64"]}, "ddpm_64"),
        ({"datasets": ["coco"]}, "stable_diffusion"),  # with the models that run on it
    ],
)
def test_maps_are_compared_on_the_first_model_that_runs(select: dict[str, list[str]], first: str) -> None:
    """The paper compares them on its own first one alone; figures show those of the first run."""
    values = rehearsed(0.0001, **select)
    assert not check.check(values, ROOT, folders=False)
    names = {"dataset": job_config.selected(values, "datasets")[0], "model": first}
    assert job_config.job(values, "evaluate_maps", names)["n_images"] == values["evaluate_maps"]["n_images"] > 0
    assert PAPER["models"][first].get("evaluate_maps", {}).get("n_images", 0) == 0
