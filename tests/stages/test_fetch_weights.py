"""The stage with random weights of the real AlexNet: the same bytes whichever provider delivers."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from selfrefine.core import arrays
from selfrefine.core.job import Job
from selfrefine.pretrained import imagenet_backbones, imagenet_weights
from selfrefine.stages import fetch_weights


@pytest.fixture
def tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Random weights, pinned; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    random = {f"features.{name}": tensor for name, tensor in imagenet_backbones.alexnet_features().state_dict().items()}
    pinned = replace(imagenet_weights.PRETRAINED["alexnet"], digest=imagenet_weights.digest(random))
    monkeypatch.setitem(imagenet_weights.PRETRAINED, "alexnet", pinned)
    return random


def job(folder: str) -> Job[fetch_weights.Published, fetch_weights.Inputs, fetch_weights.Outputs]:
    config = fetch_weights.Published(providers=("folder",), folder=folder, names={"weights": "alexnet"})
    outputs = fetch_weights.Outputs(Path("models/fetch_weights/alexnet/weights.safetensors"))
    return Job("fetch_weights", config, fetch_weights.Inputs(), outputs)


def test_the_file_loads_strictly_and_does_not_tell_its_provider(tensors: dict[str, Tensor]):
    Path("published").mkdir()
    torch.save(tensors, "published/alexnet-owt.pth")
    fetch_weights.run(job("published"))
    path = job("published").outputs.weights
    written, metadata = arrays.read_tensors(path)
    network = imagenet_backbones.alexnet_features()
    network.load_state_dict({name.removeprefix("features."): tensor for name, tensor in written.items()}, strict=True)
    assert torch.equal(network[0].weight, tensors["features.0.weight"])
    assert metadata == {"weights": "alexnet"}

    first = path.read_bytes()
    path.rename("published/alexnet.safetensors")
    Path("published/alexnet-owt.pth").unlink()
    fetch_weights.run(job("published"))
    assert path.read_bytes() == first
    assert not Path("scratch/fetch_weights/alexnet").exists()


def test_the_command_says_in_one_line_what_to_do(tmp_path: Path):
    folder = Path("models/fetch_weights/vgg16")
    config = {"providers": ["folder"], "folder": "downloads/weights", "names": {"weights": "vgg16"}}
    command = [sys.executable, "-m", "selfrefine.stages.fetch_weights", "--config", json.dumps(config)]
    command += ["--record", folder / "config.json", "--weights", folder / "weights.safetensors"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("fetch_weights: weights of vgg16: tried folder, none could deliver it; put vgg16.s")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "models").exists()
