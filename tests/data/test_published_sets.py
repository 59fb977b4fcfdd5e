"""A small source, pinned, from a folder, from torchvision's downloader and from Debian's package; and every fault."""

import gzip
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from selfrefine.core.errors import InputError
from selfrefine.data import idx_sets, published_sets
from tests.support.local_archives import debian_repository

CONTENTS = {name: f"content of {name}".encode() for name in idx_sets.SOURCES["fashion_mnist"].sha256}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> idx_sets.Source:
    """Registered as `small`; its Debian package is not installed."""
    small = replace(
        idx_sets.SOURCES["fashion_mnist"],
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()},
        debian_folder="usr/share/datasets/small-set",
    )
    monkeypatch.setitem(idx_sets.SOURCES, "small", small)
    return small


def fill(folder: Path, packed: bool) -> Path:
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_is_read_plain_or_packed(source: idx_sets.Source, tmp_path: Path, packed: bool):
    folder = fill(tmp_path / "mine", packed)
    assert published_sets.fetch("small", ["folder"], folder, tmp_path / "scratch") == CONTENTS


def fail(tmp_path: Path, capsys: pytest.CaptureFixture[str], told: str) -> None:
    """The folder provider fails with `told`, and the last line names folder and params."""
    with pytest.raises(InputError) as error:
        published_sets.fetch("small", ["folder"], tmp_path / "mine", tmp_path / "scratch")
    assert told in capsys.readouterr().out
    assert f"into {tmp_path / 'mine'}, or edit sources.small.fetch_data in params.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_folder_is_told(source: idx_sets.Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    fail(tmp_path, capsys, f"no train-images-idx3-ubyte or train-images-idx3-ubyte.gz in {tmp_path / 'mine'}")


def test_a_missing_file_is_told(source: idx_sets.Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (fill(tmp_path / "mine", packed=False) / "t10k-labels-idx1-ubyte").unlink()
    fail(tmp_path, capsys, "no t10k-labels-idx1-ubyte")


def test_another_content_is_refused(source: idx_sets.Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (fill(tmp_path / "mine", packed=False) / "t10k-images-idx3-ubyte").write_bytes(b"another")
    fail(tmp_path, capsys, "t10k-images-idx3-ubyte: sha256 ")


def test_a_truncated_download_is_refused(source: idx_sets.Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = fill(tmp_path / "mine", packed=True) / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    fail(tmp_path, capsys, "train-labels-idx1-ubyte.gz: not a whole gzip file")


def test_torchvisions_files_are_fetched(source: idx_sets.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torchvision import datasets

    mirror = fill(tmp_path / "mirror", packed=True)
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [f"{mirror.as_uri()}/"])
    order = ["folder", "torchvision"]
    assert published_sets.fetch("small", order, tmp_path / "mine", tmp_path / "scratch") == CONTENTS


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="not a Debian system")
def test_debians_files_are_fetched(source: idx_sets.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    contents = {f"{source.debian_folder}/{name}.gz": gzip.compress(content) for name, content in CONTENTS.items()}
    configuration = debian_repository(tmp_path / "repository", "dataset-fashion-mnist", contents)
    monkeypatch.setenv("APT_CONFIG", str(configuration))
    order = ["folder", "debian"]
    assert published_sets.fetch("small", order, tmp_path / "mine", tmp_path / "scratch") == CONTENTS


def test_an_installed_debian_package_is_read(source: idx_sets.Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed = replace(source, debian_folder=str(fill(tmp_path / "installed", packed=True)).lstrip("/"))
    assert published_sets.from_debian(installed, tmp_path / "scratch") == CONTENTS


def test_an_unknown_source_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="source mnist is unknown; allowed: fashion_mnist"):
        published_sets.fetch("mnist", ["folder"], tmp_path, tmp_path)


def test_the_pins_cover_what_torchvision_publishes():
    from torchvision import datasets

    source = idx_sets.SOURCES["fashion_mnist"]
    published = getattr(datasets, source.torchvision)
    assert {f"{name}.gz" for name in source.sha256} == {name for name, _ in published.resources}
    assert [name.casefold() for name in published.classes][1:] == list(source.classes)[1:]  # T-shirt/top is t-shirt
