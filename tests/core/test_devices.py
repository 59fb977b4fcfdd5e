"""What float32 means on the device of a job, which precision a card has, and which card a job gets."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from selfrefine.core import devices, machine
from selfrefine.core.errors import InputError

BACKENDS = (torch.backends.cuda.matmul, torch.backends.cudnn)


@pytest.fixture
def lax() -> Iterator[None]:
    """TensorFloat-32 everywhere, and a race of algorithms, as some environments have them; undone afterwards."""
    kept, race = [backend.allow_tf32 for backend in BACKENDS], torch.backends.cudnn.benchmark
    for backend in BACKENDS:
        backend.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    yield
    torch.backends.cudnn.benchmark = race
    for backend, allowed in zip(BACKENDS, kept, strict=True):
        backend.allow_tf32 = allowed


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_float32_has_its_whole_mantissa_in_a_job_of_any_precision(lax: None, name: str, precision: str) -> None:
    assert all(backend.allow_tf32 for backend in BACKENDS)
    with devices.device(name) as device:
        devices.precision(precision, device)
        assert not any(backend.allow_tf32 for backend in BACKENDS)
        assert torch.get_float32_matmul_precision() == "highest"
        assert not torch.backends.cudnn.benchmark
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # some of the metrics
            pass
        assert not torch.backends.cudnn.allow_tf32


# -- cards, of which torch is told that they are there -----------------------------------------------------------------

CARDS = {"Tesla V100": (7, 0), "Tesla T4": (7, 5), "A100": (8, 0), "RTX 4090": (8, 9), "H100": (9, 0)}
Cards = Callable[..., None]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cards:
    """Lets torch find these cards, on a machine where nobody else takes one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def found(*names: str) -> None:
        def name(device: torch.device | int | None = None) -> str:
            index = device.index if isinstance(device, torch.device) else device
            return names[index or 0]

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: CARDS[name(device)])

    return found


@pytest.mark.parametrize("card", CARDS)
def test_auto_is_what_the_card_multiplies_and_a_line_tells_of_one_without_bfloat16(
    card: str, cards: Cards, capsys: pytest.CaptureFixture[str]
) -> None:
    cards("H100", card)
    native = CARDS[card] >= (8, 0)
    assert devices.precision("auto", torch.device("cuda", 1)) == (torch.bfloat16 if native else torch.float32)
    line = f"{card} has no bfloat16: networks compute in float32\n"
    assert capsys.readouterr().out == ("" if native else line)
    assert machine.used("precision") == ("bfloat16" if native else "float32")


@pytest.mark.parametrize("card", CARDS)
def test_bfloat16_is_refused_by_name_on_a_card_that_has_none(card: str, cards: Cards) -> None:
    cards(card)
    on = torch.device("cuda", 0)
    assert devices.precision("float32", on) == torch.float32
    if CARDS[card] >= (8, 0):
        assert devices.precision("bfloat16", on) == torch.bfloat16
        return
    line = f"params.yaml: shared.precision is bfloat16, but {card} has none; set it to auto or float32"
    for ask in (lambda: devices.precision("bfloat16", on), lambda: devices.deciding("cuda", "bfloat16")):
        with pytest.raises(InputError) as told:
            ask()
        assert str(told.value) == line


@pytest.mark.parametrize(("count", "jobs"), [(1, 1), (1, 3), (2, 2), (2, 4), (2, 5), (3, 7), (4, 4), (8, 16)])
def test_jobs_go_round_the_cards_and_each_is_told_its_own(count: int, jobs: int, cards: Cards) -> None:
    names = [list(CARDS)[number % len(CARDS)] for number in range(count)]
    cards(*names)
    with ExitStack() as held:
        for job in range(jobs):
            device = held.enter_context(devices.device("auto"))
            assert (device.type, device.index) == ("cuda", job % count)
            assert machine.used("device") == names[job % count]


@pytest.mark.parametrize("ended", [0, 1, 2, 3])
def test_the_place_of_a_job_that_has_ended_is_taken_next(ended: int, cards: Cards) -> None:
    cards("A100", "A100")
    with ExitStack() as all_held:
        held = [all_held.enter_context(ExitStack()) for _ in range(4)]
        found = [each.enter_context(devices.device("cuda")).index for each in held]
        assert found == [0, 1, 0, 1]
        held[ended].close()
        assert held[ended].enter_context(devices.device("cuda")).index == found[ended]


def test_where_no_lock_can_be_made_there_is_a_card_all_the_same(cards: Cards, tmp_path: Path) -> None:
    cards("A100", "A100")
    (tmp_path / f"selfrefine-{os.getuid()}").write_text("a file in the place of the folder")
    with devices.device("cuda") as first, devices.device("cuda") as second:
        assert (first.index, second.index) == (0, 0)


@pytest.mark.parametrize("who", ["another node", "another allocation", "the same"])
def test_nodes_that_share_every_folder_never_take_each_others_place(
    who: str, cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards("A100", "A100")
    with devices.device("cuda") as first:
        if who == "another node":
            monkeypatch.setattr(socket, "gethostname", lambda: "node2")
        elif who == "another allocation":
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
        with devices.device("cuda") as second:
            assert (first.index, second.index) == (0, int(who == "the same"))


def test_a_folder_that_somebody_else_may_have_made_is_not_used(cards: Cards, tmp_path: Path) -> None:
    cards("A100", "A100")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"selfrefine-{os.getuid()}").symlink_to(elsewhere)
    with devices.device("cuda") as first, devices.device("cuda") as second:
        assert (first.index, second.index) == (0, 0)
    assert not list(elsewhere.iterdir())
