"""Tiny networks of transformers' own classes in folders: whole and known ones are read, all others are one line."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import CLIPVisionConfig, CLIPVisionModel

from selfrefine.core import arrays, files, names
from selfrefine.core.errors import InputError
from selfrefine.pretrained import given_transformers
from selfrefine.pretrained.given_transformers import KINDS, fetch, restore
from tests.support import given_vision

ONLY = ("folder",)
NAMES = {"clip": "clip", "whole_clip": "clip", "dinov2": "dinov2"}


@pytest.fixture
def given(tmp_path):
    """A function of the kind of folder: name of the weights, folder, sha256."""

    def saved(kind):
        return NAMES[kind], tmp_path / kind, given_vision.save(kind, tmp_path / kind)

    return saved


@pytest.mark.parametrize("kind", given_vision.FOLDERS)
def test_what_is_fetched_and_restored_is_the_network_of_the_folder(kind, given, tmp_path):
    name, folder, sha256 = given(kind)
    tensors, settings = fetch(name, ONLY, folder, sha256)
    saved = getattr(transformers, KINDS[name].model).from_pretrained(folder).state_dict()
    assert tensors.keys() == saved.keys()
    assert all(torch.equal(tensors[key], saved[key]) for key in saved)
    path = tmp_path / "weights.safetensors"
    arrays.write_tensors(path, tensors, {"weights": name, **settings})
    network, _ = restore(name, path)
    assert type(network).__name__ == KINDS[name].model
    assert not network.training
    assert all(torch.equal(value, saved[key]) for key, value in network.state_dict().items())


def test_half_precision_is_read_as_float32(given):
    name, folder, _ = given("dinov2")
    path = folder / "model.safetensors"
    halves = {key: value.half() for key, value in load_file(path).items()}
    save_file(halves, path, metadata={"format": "pt"})
    tensors, _ = fetch(name, ONLY, folder, files.sha256(path))
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    sums = [sum(value.double().sum() for value in found.values()) for found in (tensors, halves)]
    assert sums[0] == pytest.approx(sums[1])  # of all, whatever transformers calls them


@pytest.mark.parametrize("kind", given_vision.FOLDERS)
@pytest.mark.parametrize("written", ["", "0" * 64])
def test_a_sha256_that_is_missing_or_wrong_is_told_with_the_one_that_was_found(kind, written, given):
    name, folder, sha256 = given(kind)
    with pytest.raises(InputError) as error:
        fetch(name, ONLY, folder, written)
    told = str(error.value)
    assert "\n" not in told
    assert told.startswith(f"{folder / 'model.safetensors'}: sha256 is {sha256}")
    assert f"weights.{name}.fetch_weights.sha256 in params.yaml is {written or 'not set'}" in told


def without(file):
    def change(folder):
        (folder / file).unlink()

    return change, f"no {file} in it"


def setting(file, key, value, told):
    def change(folder):
        settings = json.loads((folder / file).read_text()) | {key: value}
        settings = {key: value for key, value in settings.items() if value is not None}
        (folder / file).write_text(json.dumps(settings))

    return change, told


def weights(change_tensors, told):
    def change(folder):
        path = folder / "model.safetensors"
        tensors = load_file(path)
        change_tensors(tensors)
        save_file(tensors, path, metadata={"format": "pt"})

    return change, told


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def code(folder):
    (folder / "modeling.py").write_text("raise SystemExit")


def unprojected(folder):
    """As CLIPVisionModel is saved: without the projection that makes the embedding."""
    CLIPVisionModel(CLIPVisionConfig(**given_vision.SIZES)).save_pretrained(folder)


BROKEN = {
    "no_config": ("dinov2", *without("config.json")),
    "no_preparation": ("clip", *without("preprocessor_config.json")),
    "no_weights": ("dinov2", *without("model.safetensors")),
    "another_type": ("dinov2", *setting("config.json", "model_type", "vit", "model_type is vit; allowed: dinov2")),
    "another_width": ("dinov2", *setting("config.json", "hidden_size", 8, "no Dinov2Model that can be read|lack")),
    "deeper": ("clip", *setting("config.json", "num_hidden_layers", 3, "its weights lack")),
    "unsaid": ("clip", *setting("preprocessor_config.json", "image_mean", None, "says nothing of image_mean")),
    "named_code": ("dinov2", *setting("config.json", "auto_map", {"AutoModel": "a.B"}, "names code")),
    "no_json": ("dinov2", lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
    "cut": ("dinov2", cut, "no Dinov2Model that can be read"),
    "code": ("clip", code, "code; a model's folder may hold none"),
    "lacks_a_tensor": ("dinov2", *weights(lambda tensors: tensors.popitem(), "its weights lack 1 tensors")),
    "unprojected": ("clip", unprojected, "lack 1 tensors, visual_projection.weight among them"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_folder_of_anything_else_is_one_line_that_names_the_leaf(broken, given):
    kind, change, told = BROKEN[broken]
    name, folder, _ = given(kind)
    change(folder)
    path = folder / "model.safetensors"
    with pytest.raises(InputError, match=told) as error:
        fetch(name, ONLY, folder, files.sha256(path) if path.is_file() else "")
    assert "\n" not in str(error.value)
    assert f"edit weights.{name}.fetch_weights.folder in params.yaml" in str(error.value)


@pytest.mark.parametrize("order", [("torchvision",), ("folder", "torch_fidelity")])
def test_nothing_is_downloaded(order, given):
    name, folder, sha256 = given("dinov2")
    with pytest.raises(InputError, match=r"weights\.dinov2\.fetch_weights\.providers is .*allowed: folder alone"):
        fetch(name, order, folder, sha256)


@pytest.mark.parametrize("metadata", [{}, {"weights": "clip"}, {"weights": "alexnet", "config": {}}])
def test_weights_of_another_network_are_refused(metadata, tmp_path):
    path = tmp_path / "weights.safetensors"
    arrays.write_tensors(path, {"features.0.bias": torch.zeros(2)}, metadata)
    with pytest.raises(InputError, match="weights of another network"):
        restore("dinov2", path)


def test_each_kind_has_its_row_of_weights():
    assert set(names.GIVEN_WEIGHTS) == set(given_transformers.KINDS)
    assert set(names.GIVEN_WEIGHTS) < set(names.FEATURE_WEIGHTS.values())
