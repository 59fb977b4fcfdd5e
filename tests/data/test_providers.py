"""The chain: order, one line for each failure, one when all fail; what is not a provider's fault is not swallowed."""

import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfrefine.core import errors
from selfrefine.core.errors import InputError
from selfrefine.data import providers

MOST = providers.Most(gib=1, hours=1)


def give(folder: Path) -> str:
    (folder / "download").write_text("part of a file")
    return "content"


def cut_off(folder: Path) -> str:
    (folder / "download").write_text("half")
    raise EOFError("cut\noff")


def full(_: Path) -> str:
    raise OSError(errno.ENOSPC, "No space left on device")


def wrong(_: Path) -> str:
    raise AssertionError("a mistake in the program")


ALL = {"give": give, "cut_off": cut_off, "full": full, "wrong": wrong}


def deliver(order: list[str], scratch: Path) -> str:
    return providers.first_delivery("thing", order, ALL, scratch, "put it into downloads/thing", MOST)


def test_the_first_that_works_delivers(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert deliver(["cut_off", "give", "wrong"], tmp_path) == "content"
    assert capsys.readouterr().out == "thing: provider cut_off failed: cut off\nthing: from provider give\n"


def test_each_provider_starts_in_an_empty_folder(tmp_path: Path):
    (tmp_path / "give").mkdir()
    (tmp_path / "give" / "left by a killed run").touch()
    deliver(["give"], tmp_path)
    assert [path.name for path in (tmp_path / "give").iterdir()] == ["download"]


def test_when_all_fail_one_line_names_them_and_the_remedy(tmp_path: Path):
    with pytest.raises(InputError) as error:
        deliver(["cut_off", "cut_off"], tmp_path)
    told = "thing: tried cut_off, cut_off, none could deliver it; put it into downloads/thing"
    assert str(error.value) == told


def test_an_unknown_provider_is_refused_before_any_is_tried(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(InputError, match="provider torchvison is unknown; allowed: give"):
        deliver(["give", "torchvison"], tmp_path)
    assert capsys.readouterr().out == ""


def test_a_full_disk_is_not_blamed_on_the_provider(tmp_path: Path):
    with pytest.raises(OSError, match="No space left"):
        deliver(["full", "give"], tmp_path)


def test_a_mistake_in_the_program_is_not_hidden(tmp_path: Path):
    with pytest.raises(AssertionError):
        deliver(["wrong", "give"], tmp_path)


def test_long_messages_are_cut():
    assert len(errors.one_line(ValueError("word " * 1000))) == 300
    assert errors.one_line(EOFError()) == "EOFError"


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_host_that_never_answers_fails_fast(
    silent_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from torch.hub import download_url_to_file

    monkeypatch.setattr(providers, "SECONDS_WITHOUT_ANSWER", 0.2)

    def download(folder: Path) -> str:
        download_url_to_file(silent_host, str(folder / "file"), progress=False)
        return "never"

    began = time.monotonic()
    with pytest.raises(InputError):
        providers.first_delivery("thing", ["slow"], {"slow": download}, tmp_path, "", MOST)
    assert time.monotonic() - began < 5
    assert "timed out" in capsys.readouterr().out
    assert not any((tmp_path / "slow").iterdir())
    assert socket.getdefaulttimeout() is None


def test_digests_that_differ_are_told():
    providers.check_digest("file", "a" * 64, "a" * 64)
    with pytest.raises(InputError, match=r"file: sha256 aaaaaaaaaaaa\.\.\. given, bbbbbbbbbbbb\.\.\. expected"):
        providers.check_digest("file", "a" * 64, "b" * 64)
