"""Content decides; each file is read once; the cache saves time and nothing else."""

import os
from pathlib import Path

import pytest

from selfrefine.core import contents
from tests.support.damage import DAMAGES

LONG_AGO = 10**18  # ns


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / "files" / name for name in ("a", "b", "c")}
    (tmp_path / "files").mkdir()
    for name, path in paths.items():
        path.write_bytes(name.encode() * 1000)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
    return paths


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []
    real = contents._sha256
    monkeypatch.setattr(contents, "_sha256", lambda path: names.append(path.name) or real(path))
    return names


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some time passes since the last change of a file: its time of change can't be set."""
    monkeypatch.setattr(contents, "SETTLED", -1.0)


def test_each_file_is_read_once_and_again_when_it_changed(files, reads, tmp_path, monkeypatch):
    settle(monkeypatch)
    first = contents.digest(files, tmp_path / "caches")
    assert sorted(reads) == ["a", "b", "c"]
    assert contents.digest(files, tmp_path / "caches") == first
    assert len(reads) == 3
    files["b"].touch()
    assert contents.digest(files, tmp_path / "caches") == first
    assert reads[3:] == ["b"]
    files["c"].write_bytes(b"C" * 1000)
    os.utime(files["c"], ns=(LONG_AGO, LONG_AGO))
    assert contents.digest(files, tmp_path / "caches") != first
    assert reads[4:] == ["c"]


def test_what_changed_just_now_is_not_trusted(files, reads, tmp_path):
    """Within the steps of a clock a file may change twice."""
    contents.digest(files, tmp_path / "caches")
    contents.digest(files, tmp_path / "caches")
    assert len(reads) == 6


def test_names_and_contents_count_and_nothing_else(files, tmp_path):
    before = contents.digest(files)
    assert contents.digest(dict(reversed(files.items()))) == before
    assert contents.digest({name.upper(): path for name, path in files.items()}) != before
    assert contents.digest({name: files[name] for name in "ab"}) != before
    assert contents.digest({"a": files["b"], "b": files["a"], "c": files["c"]}) != before
    (tmp_path / "files").rename(tmp_path / "moved")
    assert contents.digest({name: tmp_path / "moved" / name for name in files}) == before
    assert contents.digest({}) == contents.digest({})


OTHERS = {text: lambda path, text=text: path.write_text(text) for text in ("{", "[]", '{"a": 1}', "null", "a\n{}")}


def change_a_digest(cache: Path) -> None:
    """A flipped bit that leaves JSON of the right kind, with the digest of another content."""
    text = cache.read_text()
    digit = text.index('"', text.index("]")) + 1
    cache.write_text(text[:digit] + ("1" if text[digit] == "0" else "0") + text[digit + 1 :])


DAMAGED = {**DAMAGES, **OTHERS, "a digit": change_a_digest}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_cache_is_read_over(files, reads, tmp_path, monkeypatch, damage):
    settle(monkeypatch)
    first = contents.digest(files, tmp_path / "caches")
    (cache,) = (tmp_path / "caches").iterdir()
    damage(cache)
    assert contents.digest(files, tmp_path / "caches") == first
    assert len(reads) == 6
    assert contents.digest(files, tmp_path / "caches") == first
    assert len(reads) == 6  # the cache was written again


def test_without_room_for_a_cache_files_are_read_each_time(files, reads, tmp_path, monkeypatch):
    settle(monkeypatch)
    (tmp_path / "caches").write_text("a file, and no folder")
    assert contents.digest(files, tmp_path / "caches") == contents.digest(files, tmp_path / "caches")
    assert len(reads) == 6


def test_a_file_that_is_gone_is_another_content(files, tmp_path):
    before = contents.digest(files)
    files["a"].unlink()
    assert contents.digest(files) != before
