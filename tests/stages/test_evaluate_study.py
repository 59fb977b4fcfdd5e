"""The folder of a study and the answers of people in; figures of each map and rates of picks out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.core.job import Job
from selfrefine.evidence import human_picks
from selfrefine.evidence.human_picks import Picks
from selfrefine.stages.evaluate_study import Config, Inputs, Outputs, run
from selfrefine.study import answers, simulated_raters
from selfrefine.study.folder import Trial
from selfrefine.study.records import Rules
from tests.support import tiny, tiny_study
from tests.support.tiny_study import GRID

GENERATED, PEOPLE = 6, 5
NAMES = ["study", "dataset", "model", "seed", "variant", "metric", "value", "low", "high"]
COUNTS = ["n_images", "n_participants", "n_answers"]
FLAWED = (5, 6, 9, 10)


def trials() -> tuple[Trial, ...]:
    """Six generated images, of which the first is repeated, two photographs with a flaw and two without."""
    kinds = [*(["generated"] * GENERATED), "repeat", "catch", "catch", "real", "real"]
    made = []
    for number, kind in enumerate(kinds):
        own: dict[str, Any] = {"repeats": "t01"} if kind == "repeat" else {"flaw": FLAWED} if kind == "catch" else {}
        made.append(Trial(f"t{number + 1:02}", tiny_study.image(number % 5), kind, number, **own))
    return tuple(made)


def maps() -> dict[str, np.ndarray]:
    """The flaw map of image i is highest in cells i, i + 1 and i + 2; edges are nowhere."""
    flaw = np.zeros((GENERATED, GRID * GRID), np.float32)
    for image in range(GENERATED):
        flaw[image, image : image + 3] = (0.9, 0.8, 0.7)
    shape = (GENERATED, GRID, GRID)
    return {"flaw": flaw.reshape(shape), "edge": np.zeros(shape, np.float32)}


def answered(place: Path, known: Rules, person: int, *, looks: bool = True, hits: int = 2) -> None:
    """The file of a person who picks the map's highest cells and others, and the flaw of a catch image or not."""
    who = f"{person:032x}"
    answers.append(place, tiny_study.start(known, who), known)
    for trial in trials():
        image = 0 if trial.kind == "repeat" else trial.row
        cells = [*range(image, image + hits), *range(12 + person % 2, 15 + person % 2)][:3]
        if trial.kind == "catch":
            cells = [*FLAWED[:2], 15] if looks else [0, 3, 15]
        answers.append(place, tiny_study.answer(known, trial.id, who, cells=cells), known)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Rules]:
    place = tmp_path_factory.mktemp("study") / "study"
    return place, tiny_study.write(place, trials=trials(), maps=maps())


def measured(study: Path, out: Path, given: Path | str = "") -> dict[tuple[str, str], dict[str, Any]]:
    config = Config({"study": "shapes"}, tiny.NAMES, str(given), catch_cells=2, catch_share=0.75)
    run(Job("evaluate_study", config, Inputs(study), Outputs(out / "metrics.csv", out / "picks.npz")))
    table = files.read_table(out / "metrics.csv")
    assert list(table.columns) == [*NAMES, *COUNTS]
    assert set(table["study"]) == {"shapes"}
    return {(line["variant"], line["metric"]): line for line in table.to_dict("records")}


def test_without_participants_there_is_chance_alone(study: tuple[Path, Rules], tmp_path: Path) -> None:
    found = measured(study[0], tmp_path)
    assert {*found} == {("chance", "share"), ("chance", "any_match")}
    assert found["chance", "share"]["value"] == pytest.approx(3 / 16)
    assert found["chance", "any_match"]["value"] == pytest.approx(1 - (13 * 12 * 11) / (16 * 15 * 14))
    assert [found["chance", "share"][name] for name in COUNTS] == [GENERATED, 0, 0]
    rates = arrays.read_arrays(tmp_path / "picks.npz")["rates"]
    assert rates.shape == (GENERATED, GRID, GRID)
    assert np.isnan(rates).all()


def test_what_people_pick_is_held_against_each_map(study: tuple[Path, Rules], tmp_path: Path) -> None:
    for person in range(PEOPLE):
        answered(tmp_path / "answers", study[1], person)
    found = measured(study[0], tmp_path, tmp_path / "answers")
    assert [found["flaw", "share"][name] for name in COUNTS] == [GENERATED, PEOPLE, PEOPLE * GENERATED]
    assert found["flaw", "share"]["value"] == pytest.approx(2 / 3)
    assert found["flaw", "any_match"]["value"] == 1.0
    assert found["edge", "share"]["value"] == pytest.approx(3 / 16)  # an empty map is a blind guess
    assert found["edge", "difference"]["value"] == pytest.approx(2 / 3 - 3 / 16)
    who, shown = (part.ravel() for part in np.meshgrid(range(PEOPLE), range(GENERATED), indexing="ij"))
    cells = np.array([[image, image + 1, 12 + person % 2] for person, image in zip(who, shown, strict=True)])
    expected = human_picks.measure(Picks(who, shown, cells), maps(), seed=0)
    for row, metric in (("another_image", "difference"), ("another_image", "share"), ("flaw", "share")):
        for end in ("value", "low", "high"):
            assert found[row, metric][end] == pytest.approx(getattr(expected[row][metric], end), nan_ok=True)
    assert found["people", "test_retest"]["value"] == 1.0
    assert found["people", "participants"]["value"] == PEOPLE
    assert found["people", "excluded"]["value"] == 0
    assert 0.0 < found["people", "alpha"]["value"] < 1.0
    assert ("photographs", "share") in found
    picks = arrays.read_arrays(tmp_path / "picks.npz")
    assert picks["participants"] == PEOPLE
    rates = picks["rates"].reshape(GENERATED, -1)
    np.testing.assert_allclose(rates[3, [3, 4, 12, 13]], [1.0, 1.0, 0.6, 0.4], atol=1e-6)


def test_who_did_not_look_is_left_out(study: tuple[Path, Rules], tmp_path: Path) -> None:
    for person in range(PEOPLE):
        answered(tmp_path / "answers", study[1], person, hits=1 + person % 2)
    kept = measured(study[0], tmp_path / "kept", tmp_path / "answers")
    answered(tmp_path / "answers", study[1], 9, looks=False, hits=0)
    found = measured(study[0], tmp_path / "found", tmp_path / "answers")
    assert found["people", "excluded"]["value"] == 1
    assert found["flaw", "share"] == kept["flaw", "share"]
    only = tmp_path / "only"
    answered(only, study[1], 9, looks=False)
    alone = measured(study[0], tmp_path / "alone", only)
    assert {row for row, _ in alone} == {"chance", "people"}
    assert alone["people", "excluded"]["value"] == 1


@pytest.mark.parametrize("kind", ["simulated", "other study", "no folder"])
def test_what_is_no_answer_of_a_participant_is_one_line(study: tuple[Path, Rules], tmp_path: Path, kind: str) -> None:
    given = tmp_path / "answers"
    if kind == "simulated":
        answered(given, study[1], 1)
        simulated_raters.write(given, study[1], 1, seed=0)
    elif kind == "other study":
        known = tiny_study.write(tmp_path / "other", title="Another", trials=trials(), maps=maps())
        answered(given, known, 1)
    told = {"simulated": "simulated raters, who are no participants", "other study": "answers to study"}
    with pytest.raises(InputError, match=told.get(kind, "no folder of answers")) as error:
        measured(study[0], tmp_path / "out", given)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
