"""The file of FID's network: taken from a folder, torch's cache or its address; any other file is refused."""

from pathlib import Path

import pytest
import torch

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.metrics import features
from selfrefine.pretrained import inception_weights

TENSORS = {"fc.bias": torch.arange(5.0)}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file in its place, pinned; torch's cache is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = tmp_path / "published" / inception_weights.FILE
    path.parent.mkdir()
    torch.save(TENSORS, path)
    monkeypatch.setattr(inception_weights, "SHA256", files.sha256(path))
    return path


def fetch(order: list[str], folder: Path) -> dict[str, torch.Tensor]:
    return inception_weights.fetch(order, folder, folder.parent / "scratch")


def test_the_file_is_torch_fidelitys():
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert Path(URL_INCEPTION_V3).name == inception_weights.FILE
    assert inception_weights.SHA256.startswith(Path(URL_INCEPTION_V3).stem.rpartition("-")[2])


def test_it_is_read_from_the_folder(published: Path):
    found = fetch(["folder"], published.parent)
    assert found.keys() == TENSORS.keys()
    assert torch.equal(found["fc.bias"], TENSORS["fc.bias"])


def test_it_is_taken_from_torchs_cache(published: Path, tmp_path: Path):
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    published.rename(cache / inception_weights.FILE)
    assert fetch(["folder", "torch_fidelity"], tmp_path / "empty").keys() == TENSORS.keys()


def test_it_is_downloaded(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from torch_fidelity import feature_extractor_inceptionv3

    monkeypatch.setattr(feature_extractor_inceptionv3, "URL_INCEPTION_V3", published.as_uri())
    assert fetch(["torch_fidelity"], tmp_path / "empty").keys() == TENSORS.keys()
    assert not (tmp_path / "torch").exists(), "the download stays in the job's scratch"


def test_without_the_file_one_line_says_where_to_put_it(published: Path, tmp_path: Path):
    published.unlink()
    with pytest.raises(InputError, match=rf"tried folder, .*; put {inception_weights.FILE} of torch-fidelity") as told:
        fetch(["folder"], tmp_path / "empty")
    assert "\n" not in str(told.value)


def test_another_file_is_refused(published: Path, capsys: pytest.CaptureFixture[str]):
    published.write_bytes(published.read_bytes()[:-1])
    with pytest.raises(InputError, match="none could deliver it"):
        fetch(["folder"], published.parent)
    assert "expected: cut off on the way, or another file" in capsys.readouterr().out


def test_random_ones_need_no_file_and_fit_the_network(tmp_path, capsys):
    """What a rehearsal takes (`selfrefine rehearse`); the same ones each time."""
    made, again = (fetch(["folder", "random"], tmp_path) for _ in range(2))
    assert "random weights, of a rehearsal: no figure on them means anything" in capsys.readouterr().out
    assert all(torch.equal(made[name], again[name]) for name in made.keys() | again.keys())
    arrays.write_tensors(tmp_path / "weights.safetensors", made)
    extractor = features.InceptionExtractor(tmp_path / "weights.safetensors")
    noise = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    (found,) = extractor(noise)
    assert found.shape == (2, 2048)
    assert found.isfinite().all()
    assert found.std(dim=0).mean() > 0.001
