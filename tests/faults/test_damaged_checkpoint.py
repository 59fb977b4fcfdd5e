"""A damaged checkpoint is never used: the older one is, or training begins anew, to the bits of an unbroken run."""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from selfrefine.core import kept, training_state
from tests.support.damage import DAMAGES
from tests.support.every_trainer import CHECKPOINT_EVERY, STEPS, TRAINERS, Outcome, outcome

OLDER, NEWEST, KILLED_IN = CHECKPOINT_EVERY, 2 * CHECKPOINT_EVERY, STEPS - 1
FEW = ("names", "middle", "cut in the middle")
# Every kind of damage to one trainer of each file that has a `_resume`; VGG16 takes seconds a case.
NEWEST_DAMAGED = [(name, damage) for name in ("refined", "vq", "classifier") for damage in DAMAGES]
NEWEST_DAMAGED += [(name, damage) for name in TRAINERS if name not in ("refined", "vq", "classifier") for damage in FEW]
EACH = ("refined", "vq", "classifier", "highlighter")


@cache
def unbroken(name: str, folder: Path) -> Outcome:
    trainer, run = TRAINERS[name]()
    run(folder, "test")
    shutil.rmtree(folder)
    return outcome(trainer)


class KilledError(Exception):
    """Whatever ends a job in the middle."""


@cache
def killed(name: str, folder: Path) -> Path:
    """A scratch folder as a killed training left it: two checkpoints."""
    trainer, run = TRAINERS[name]()

    def die(*_: Any) -> None:
        if trainer.step == KILLED_IN:
            raise KilledError

    trainer.optimiser.register_step_post_hook(die)
    with pytest.raises(KilledError):
        run(folder, "test")
    return folder


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("room")


def checkpoints(scratch: Path) -> dict[int, Path]:
    """The files of a training by their steps."""
    paths = kept.matching(scratch, training_state.CHECKPOINTS)
    return {int(path.name.partition(".")[0].removeprefix("checkpoint")): path for path in paths}


@pytest.fixture
def case(room: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Damages a copy of what a killed trainer left, goes on, and returns what was said first."""

    def go_on(name: str, **damages: str) -> str:
        scratch = tmp_path / "scratch"
        shutil.copytree(killed(name, room / name), scratch)
        assert list(checkpoints(scratch)) == [OLDER, NEWEST]
        for which, damage in damages.items():
            path = checkpoints(scratch)[{"older": OLDER, "newest": NEWEST}[which]]
            path.unlink() if damage == "gone" else DAMAGES[damage](path)
        capsys.readouterr()
        trainer, run = TRAINERS[name]()
        run(scratch, "test")
        lines = capsys.readouterr().out.splitlines()
        assert outcome(trainer) == unbroken(name, room / f"unbroken {name}")
        assert not any("damaged" in line for line in lines[1:])
        return lines[0]

    return go_on


DAMAGED = "scratch: a checkpoint was damaged since it was written, that of step 6"


@pytest.mark.parametrize(("name", "damage"), NEWEST_DAMAGED)
def test_the_older_one_is_taken_with_one_line(case: Any, name: str, damage: str) -> None:
    assert case(name, newest=damage).endswith(f"{DAMAGED}; going on after step 3")


@pytest.mark.parametrize("damage", FEW)
@pytest.mark.parametrize("name", EACH)
def test_of_two_damaged_ones_one_line_and_training_begins_anew(case: Any, name: str, damage: str) -> None:
    told = case(name, newest=damage, older="last byte")
    assert told.endswith(f"{DAMAGED} and that of step 3; training begins anew")


@pytest.mark.parametrize("name", EACH)
def test_without_an_older_one_training_begins_anew(case: Any, name: str) -> None:
    assert case(name, newest="middle", older="gone").endswith(f"{DAMAGED}; training begins anew")


@pytest.mark.parametrize("damage", [*FEW, "empty", "gone"])
def test_an_older_one_that_is_damaged_or_gone_disturbs_nothing(case: Any, damage: str) -> None:
    assert case("refined", older=damage) == "going on after step 6"


def test_two_are_kept_and_no_more(tmp_path: Path) -> None:
    for step in range(5):
        training_state.write(tmp_path, {"a": torch.tensor([step])}, step, "")
    assert list(checkpoints(tmp_path)) == [3, 4]
