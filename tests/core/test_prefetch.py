"""Draws of a thread that goes ahead of the updates: the same, in order, bounded, and ended with them."""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch

from selfrefine.core import prefetch, stopping
from selfrefine.core.errors import InputError
from selfrefine.guidance.attention_modulation import build_projectors
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.refinement import Maps, Refinement
from selfrefine.training import loop
from tests.support import every_trainer, pairwise, tiny_trainers
from tests.support.every_trainer import STEPS, TRAINERS

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def threaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread draws for any device."""
    monkeypatch.setattr(prefetch, "in_a_thread", lambda _device: True)


def threads() -> list[threading.Thread]:
    """Those that draw."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("draws")]


def draw(step: int) -> prefetch.Draws:
    return {"step": torch.tensor(step), "thread": torch.tensor(threading.get_ident())}


@pytest.mark.parametrize(("device", "beside"), [("cpu", False), ("mps", False), ("meta", False), ("cuda", True)])
def test_a_thread_draws_where_updates_leave_the_processor_free(device: str, beside: bool, pages: list[int]) -> None:
    with prefetch.ahead(draw, range(3, 9), torch.device(device)) as draws:
        found = list(draws)
    assert [int(drawn["step"]) for drawn in found] == list(range(3, 9))
    drew = {int(drawn["thread"]) for drawn in found}
    assert len(drew) == 1
    assert (drew != {threading.get_ident()}) == beside
    assert len(pages) == (2 * len(found) if beside else 0)
    assert drew >= set(pages)  # pinned where they were drawn


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The thread of each call that pins memory, which takes a card."""
    called: list[int] = []

    def pin(tensor: torch.Tensor) -> torch.Tensor:
        called.append(threading.get_ident())
        return tensor.clone()

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin)
    return called


@pytest.mark.usefixtures("threaded")
def test_no_more_is_drawn_than_is_due_soon() -> None:
    begun: list[int] = []

    def noted(step: int) -> prefetch.Draws:
        begun.append(step)
        return draw(step)

    with prefetch.ahead(noted, range(20), CPU) as draws:
        for step, _ in enumerate(draws):
            time.sleep(0.01)
            assert max(begun) <= step + prefetch.AHEAD
    assert begun == list(range(20))


@pytest.mark.usefixtures("threaded")
@pytest.mark.parametrize("step", [0, 1, 5, 9])
def test_an_error_reaches_the_step_that_it_belongs_to(step: int) -> None:
    def fails(number: int) -> prefetch.Draws:
        if number == step:
            raise InputError(f"image {number} is damaged")
        return draw(number)

    seen = []
    with pytest.raises(InputError, match=f"image {step} is damaged"), prefetch.ahead(fails, range(10), CPU) as draws:
        seen.extend(int(drawn["step"]) for drawn in draws)
    assert not threads()


@pytest.mark.usefixtures("threaded")
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit, stopping.AskedError])
def test_no_thread_outlives_its_training_however_that_ends(error: type[BaseException]) -> None:
    begun: list[int] = []

    def slow(step: int) -> prefetch.Draws:
        begun.append(step)
        time.sleep(0.05)
        return draw(step)

    def training() -> None:
        with prefetch.ahead(slow, range(1000), CPU) as draws:
            next(draws)
            raise error

    with pytest.raises(error):
        training()
    assert not threads()
    assert len(begun) <= 2 + prefetch.AHEAD


# -- trainings ---------------------------------------------------------------------------------------------------------


def slower(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    """The function after a wait."""

    def waits(*args: Any, **kwargs: Any) -> Any:
        time.sleep(seconds)
        return function(*args, **kwargs)

    return waits


PACES = {"at its own pace": (0.0, 0.0), "slower": (0.01, 0.0), "faster": (0.0, 0.01)}


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("name", TRAINERS)
def test_every_trainer_ends_in_the_same_bytes(name: str, pace: str, threaded: None, tmp_path: Path) -> None:
    """Also when it is resumed: the first run ends in a draw that fails."""
    made, run = TRAINERS[name]()
    last = made.draws

    def fails(step: int, *args: Any, **kwargs: Any) -> prefetch.Draws:
        if step == STEPS - 2:
            raise InputError("the disk")
        return last(step, *args, **kwargs)

    made.draws = fails
    with pytest.raises(InputError, match="the disk"):
        run(tmp_path, "test")
    found, run = TRAINERS[name]()
    of_thread, of_loop = PACES[pace]
    found.draws, found.update = slower(found.draws, of_thread), slower(found.update, of_loop)
    run(tmp_path, "test")
    assert every_trainer.outcome(found) == plain(name)
    assert not threads()


@functools.cache
def plain(name: str) -> every_trainer.Outcome:
    """What a trainer leaves that draws between its updates."""
    with between(), TemporaryDirectory() as scratch:
        made, run = TRAINERS[name]()
        run(Path(scratch), "test")
    return every_trainer.outcome(made)


@contextmanager
def between() -> Iterator[None]:
    """No thread draws inside the block."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefetch, "in_a_thread", lambda _device: False)
        yield


REFINEMENTS: dict[str, dict[str, Any]] = {
    "none": {"forward": "none", "reverse": "none"},
    "perturbed": {"forward": "none", "reverse": "none", "gamma": 0.1},
    "both": {"forward": "xt", "reverse": "kv"},
    "projected": {"forward": "loss_weight", "reverse": "v", "projection": "conv3"},
}
SWITCHES: dict[str, list[Any]] = {
    "family": tiny_trainers.FAMILIES,
    "refinement": list(REFINEMENTS),
    "gradient_accumulation": [1, 2],
    "horizontal_flip": [False, True],
    "caption_dropout": [0.0, 0.5],
    "dropout": [0.0, 0.3],
    "dtype": [torch.float32, torch.bfloat16],
}


def allowed(case: pairwise.Case) -> bool:
    """No mirrored latents."""
    return not (case["horizontal_flip"] and case["family"] in tiny_trainers.LATENT)


def trained(case: pairwise.Case, scratch: Path) -> dict[str, torch.Tensor]:
    """All that a phase leaves."""
    scratch.mkdir()
    settings = {name: value for name, value in case.items() if name not in ("family", "refinement")}
    made = tiny_trainers.trainer(case["family"], **settings)
    how = Refinement(forward_weight=0.5, reverse_weight=0.5, cycle=2, **REFINEMENTS[case["refinement"]])
    made.add_projectors(build_projectors(made.network, how.projection, how.layers, seed=0))
    maps = MapHistory(lambda _network, number, _first: Maps(*2 * [tiny_trainers.some_map(made, number)]))
    steps = {"first_step": 0, "last_step": 4, "checkpoint_every": 3, "log_every": 2}
    loop.run_phase(made, scratch, label="test", refinement=how, refresh=maps, **steps)
    return made.tensors()


@pytest.mark.parametrize("case", pairwise.cases(SWITCHES, allowed), ids=lambda case: "-".join(map(str, case.values())))
def test_no_pair_of_switches_trains_otherwise(case: pairwise.Case, threaded: None, tmp_path: Path) -> None:
    found = trained(case, tmp_path / "ahead")
    with between():
        expected = trained(case, tmp_path / "between")
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
