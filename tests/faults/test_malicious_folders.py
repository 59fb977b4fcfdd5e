"""Folders of models that want more than to be read: all that read them refuse them in one line, and nothing runs.

And folders that lack something, which diffusers and transformers would fill in by themselves.
"""

import importlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from selfrefine import networks
from selfrefine.core.errors import InputError
from selfrefine.diffusion import autoencoder
from selfrefine.metrics.clip_score import Clip
from selfrefine.pretrained import text_encoder
from tests.support import tiny, tiny_clip, tiny_latent, tiny_text

CPU = torch.device("cpu")
READERS: dict[str, Callable[[Path], Any]] = {
    "pipeline": lambda folder: networks.load_any(folder, CPU),
    "autoencoder": lambda folder: autoencoder.load(folder, CPU),
    "text encoder": lambda folder: text_encoder.read(folder, folder),
    "clip": lambda folder: Clip(folder, CPU),
}
CODE = "import os\nopen(os.environ['TRACE'], 'w').close()\nclass Own:\n    from_pretrained = print\n"


class Attack:
    """Pickles as a call that leaves a trace."""

    def __reduce__(self) -> Any:
        return os.system, ('touch "$TRACE"',)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for each reader, as the libraries save it."""
    folder = tmp_path_factory.mktemp("good")
    tiny.tiny_pipeline().save_pretrained(folder / "pipeline")
    tiny_latent.autoencoder().save_pretrained(folder / "autoencoder")
    tiny_text.published(folder / "text encoder")
    tiny_clip.save(folder / "clip")
    return folder


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What code of a folder makes if it runs; a module of that code can be imported, too."""
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "path")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "evil.py").write_text(CODE)
    return tmp_path / "trace"


def refused(reader: str, folder: Path, trace: Path) -> str:
    """The one line with which a reader refuses a folder."""
    with pytest.raises(InputError) as fault:
        READERS[reader](folder)
    line = str(fault.value)
    assert "\n" not in line
    assert len(line) < 700
    assert str(folder) in line
    assert not trace.exists()
    return line


def changed(path: Path, **leaves: Any) -> None:
    """A JSON file with other leaves."""
    path.write_text(json.dumps(json.loads(path.read_text()) | leaves))


def weights_of(folder: Path) -> Path:
    """The first file of weights."""
    return next(iter(sorted(folder.rglob("*.safetensors"))))


def settings_of(folder: Path) -> Path:
    """config.json of the network."""
    return weights_of(folder).with_name("config.json")


# -- what any folder can hold ------------------------------------------------------------------------------------------


def only_a_pickle(folder: Path, ending: str) -> None:
    weights = weights_of(folder)
    with open(weights.with_suffix(ending), "wb") as stream:
        pickle.dump(Attack(), stream)
    weights.unlink()


def linked_file(folder: Path) -> None:
    secret = folder.parent / "secret.json"
    shutil.move(settings_of(folder), secret)
    settings_of(folder).symlink_to(secret)


def linked_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent)


def linked_nowhere(folder: Path) -> None:
    (folder / "more.json").symlink_to(folder / "nothing")


def waiting(folder: Path) -> None:
    settings_of(folder).unlink()
    os.mkfifo(settings_of(folder))


def shards_elsewhere(folder: Path, name: str) -> None:
    weights = weights_of(folder)
    save_file(load_file(weights), folder.parent / "elsewhere.safetensors", {"format": "pt"})
    index = {"metadata": {}, "weight_map": dict.fromkeys(load_file(weights), name)}
    weights.with_name(f"{weights.name}.index.json").write_text(json.dumps(index))
    weights.unlink()


ANYWHERE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "code": (lambda folder: (folder / "more.py").write_text(CODE), "more.py: code"),
    "code that no name points to": (lambda folder: (folder / "None.py").write_text(CODE), "None.py: code"),
    "a library": (lambda folder: (folder / "more.so").write_bytes(b""), "more.so: code"),
    **{
        f"a pickle {ending}": (lambda folder, ending=ending: only_a_pickle(folder, ending), "may be a pickle")
        for ending in (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
    },
    "auto_map": (
        lambda folder: changed(settings_of(folder), auto_map={"AutoModel": "evil.Own", "AutoConfig": "evil.Own"}),
        "names code (auto_map)",
    ),
    "auto_map inside": (
        lambda folder: changed(settings_of(folder), more={"auto_map": {"AutoModel": "evil--evil.Own"}}),
        "names code (auto_map)",
    ),
    "a custom pipeline": (
        lambda folder: changed(settings_of(folder), custom_pipeline="evil"),
        "names code (custom_pipeline)",
    ),
    "weights by an absolute path": (
        lambda folder: changed(settings_of(folder), transformers_weights="/etc/passwd"),
        "names a file outside the folder",
    ),
    "shards above": (lambda folder: shards_elsewhere(folder, "../elsewhere.safetensors"), "outside the folder"),
    "shards by an absolute path": (
        lambda folder: shards_elsewhere(folder, str(folder.parent / "elsewhere.safetensors")),
        "outside the folder",
    ),
    "a linked file": (linked_file, "a link out of the folder"),
    "a linked folder": (linked_folder, "a link out of the folder"),
    "a link to nothing": (linked_nowhere, "neither a file nor a folder"),
    "a pipe": (waiting, "neither a file nor a folder"),
    "huge settings": (
        lambda folder: settings_of(folder).write_text(settings_of(folder).read_text() + " " * 2**20),
        "bytes; 1,048,576 allowed",
    ),
    "deep settings": (lambda folder: settings_of(folder).write_text("[" * 200_000), "not JSON"),
    "cut settings": (lambda folder: settings_of(folder).write_text('{"a": '), "not JSON"),
    "settings that are a list": (lambda folder: settings_of(folder).write_text("[]"), "holds no settings"),
    "settings of no text": (lambda folder: settings_of(folder).write_bytes(b"\xff\xfe\x00"), "not JSON"),
}


@pytest.mark.parametrize("damage", ANYWHERE)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_it_in_one_line_and_nothing_runs(good, tmp_path, trace, reader, damage):
    folder = shutil.copytree(good / reader, tmp_path / "given")
    harm, told = ANYWHERE[damage]
    harm(folder)
    line = refused(reader, folder, trace)
    assert told in line or (damage in ("a pipe", "a linked file") and "config.json" in line)


@pytest.mark.parametrize("reader", READERS)
def test_what_is_harmless_is_passed_over(good, tmp_path, trace, reader):
    """Hidden files, a model card, a checkpoint, an old pickle beside safetensors, a link within, the hub's cache."""
    cache = tmp_path / "models--mine"
    folder = shutil.copytree(good / reader, cache / "snapshots" / "0a1b")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "own-checkpoint.py").write_text(CODE)
    (folder / "README.md").write_text("# A model card")
    (folder / "checkpoint-500").mkdir()
    (folder / "checkpoint-500" / "random_states_0.pkl").write_bytes(pickle.dumps(Attack()))
    (folder / "notes.txt").symlink_to(folder / "README.md")
    only_a_pickle(shutil.copytree(good / reader, tmp_path / "other"), ".bin")
    pickled = next((tmp_path / "other").rglob("*.bin"))
    shutil.copy(pickled, weights_of(folder).parent)
    (cache / "blobs").mkdir()
    shutil.move(weights_of(folder), cache / "blobs" / "ab12")
    (folder / pickled.relative_to(tmp_path / "other")).with_suffix(".safetensors").symlink_to(cache / "blobs" / "ab12")
    READERS[reader](folder)
    assert not trace.exists()


# -- weights that are not whole ----------------------------------------------------------------------------------------


def with_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    tensors = load_file(weights_of(folder))
    change(tensors)
    save_file(tensors, weights_of(folder), {"format": "pt"})


def without_one(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[max(tensors, key=lambda name: tensors[name].numel())]


def of_another_shape(tensors: dict[str, torch.Tensor]) -> None:
    largest = max(tensors, key=lambda name: tensors[name].numel())
    tensors[largest] = torch.zeros(2, *tensors[largest].shape)


def cut(folder: Path) -> None:
    weights = weights_of(folder)
    weights.write_bytes(weights.read_bytes()[:-100])


def with_a_forged_length(folder: Path) -> None:
    weights = weights_of(folder)
    weights.write_bytes(b"\xff" * 7 + b"\x7f" + weights.read_bytes()[8:])


INCOMPLETE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a tensor less": (lambda folder: with_tensors(folder, without_one), "its weights lack 1 tensors"),
    "no tensors": (lambda folder: with_tensors(folder, dict.clear), "its weights lack"),
    "another shape": (lambda folder: with_tensors(folder, of_another_shape), "can be read|lack 1|not a text encoder"),
    "cut off": (cut, "can be read|not a text encoder"),
    "a forged length": (with_a_forged_length, "can be read|not a text encoder"),
    "no weights": (lambda folder: weights_of(folder).unlink(), "can be read|not a text encoder"),
}


@pytest.mark.parametrize("damage", INCOMPLETE)
@pytest.mark.parametrize("reader", READERS)
def test_nothing_is_filled_with_random_numbers(good, tmp_path, trace, reader, damage):
    folder = shutil.copytree(good / reader, tmp_path / "given")
    harm, told = INCOMPLETE[damage]
    harm(folder)
    line = refused(reader, folder, trace)
    assert any(words in line for words in told.split("|")), line


@pytest.mark.parametrize("reader", ["pipeline", "autoencoder"])
def test_tensors_that_the_settings_have_no_place_for_are_another_networks(good, tmp_path, trace, reader):
    folder = shutil.copytree(good / reader, tmp_path / "given")
    with_tensors(folder, lambda tensors: tensors.update({"more.weight": torch.zeros(2)}))
    assert "1 tensors that its config.json has no place for, more.weight among them" in refused(reader, folder, trace)


def test_settings_that_diffusers_takes_by_itself_are_told(good, tmp_path, capsys):
    folder = shutil.copytree(good / "pipeline", tmp_path / "given")
    for path in (folder / "unet" / "config.json", folder / "scheduler" / "scheduler_config.json"):
        values = json.loads(path.read_text())
        path.write_text(json.dumps({key: values[key] for key in values if key not in ("act_fn", "prediction_type")}))
    READERS["pipeline"](folder)
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"{folder}/unet/config.json: says nothing of what diffusers then takes: act_fn silu",
        f"{folder}/scheduler/scheduler_config.json: says nothing of what diffusers then takes: prediction_type epsilon",
    ]
    READERS["pipeline"](good / "pipeline")
    assert capsys.readouterr().out == ""


# -- the index of a pipeline -------------------------------------------------------------------------------------------


def index(folder: Path, **leaves: Any) -> None:
    changed(folder / "model_index.json", **leaves)


def module_in_folder(folder: Path) -> None:
    index(folder, unet=["evil", "Own"])
    (folder / "unet" / "evil.py").write_text(CODE)


def pipeline_in_folder(folder: Path) -> None:
    index(folder, _class_name=["evil", "Own"])
    (folder / "evil.py").write_text(CODE)


INDEX: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a module on the path": (lambda folder: index(folder, unet=["evil", "Own"]), "names code outside"),
    "a scheduler of it": (lambda folder: index(folder, scheduler=["evil", "Own"]), "names code outside"),
    "a part more": (lambda folder: index(folder, more=["evil", "Own"]), "names code outside"),
    "an unused part": (lambda folder: index(folder, safety_checker=["evil", "Own"]), "names code outside"),
    "a module in the folder": (module_in_folder, "names code outside"),
    "a pipeline in the folder": (pipeline_in_folder, "the name of a diffusers pipeline needed"),
    "the system": (lambda folder: index(folder, unet=["os", "system"]), "names code outside"),
    "a module of diffusers": (lambda folder: index(folder, unet=["diffusers.utils", "os"]), "names code outside"),
    "a dotted class": (lambda folder: index(folder, unet=["diffusers", "utils.os"]), "names code outside"),
    "a module as a class": (lambda folder: index(folder, unet=["diffusers", "utils"]), "can be read"),
    "no such class": (lambda folder: index(folder, unet=["diffusers", "Own"]), "can be read"),
    "a part above": (lambda folder: index(folder, **{"../unet": ["diffusers", "UNet2DModel"]}), "names code outside"),
    "a part elsewhere": (lambda folder: index(folder, **{"/unet": ["diffusers", "UNet2DModel"]}), "names code outside"),
    "a part of three": (lambda folder: index(folder, unet=["diffusers", "UNet2DModel", "x"]), "names code outside"),
    "a custom pipeline": (lambda folder: index(folder, custom_pipeline="evil"), "names code (custom_pipeline)"),
    "no class": (lambda folder: index(folder, _class_name=None), "the name of a diffusers pipeline needed"),
    "a class that is no word": (lambda folder: index(folder, _class_name="a.b"), "the name of a diffusers pipeline"),
    "a class of no pipeline": (lambda folder: index(folder, _class_name="UNet2DModel"), "can be read"),
    "a class that is not there": (lambda folder: index(folder, _class_name="OwnPipeline"), "can be read"),
    "no index": (lambda folder: (folder / "model_index.json").unlink(), "no model_index.json in it"),
    "an index of nothing": (lambda folder: (folder / "model_index.json").write_text("{}"), "pipeline needed"),
    "a huge index": (lambda folder: index(folder, more="x" * 2**20), "allowed for such a file"),
    "a deep index": (lambda folder: (folder / "model_index.json").write_text('{"a":' * 200_000), "not JSON"),
    "a part without its folder": (lambda folder: shutil.rmtree(folder / "unet"), "unet: no such folder"),
    "a scheduler without its folder": (lambda folder: shutil.rmtree(folder / "scheduler"), "can be read"),
}


@pytest.mark.parametrize("damage", INDEX)
def test_a_pipeline_that_names_what_it_should_not(good, tmp_path, trace, damage):
    folder = shutil.copytree(good / "pipeline", tmp_path / "given")
    harm, told = INDEX[damage]
    harm(folder)
    assert told in refused("pipeline", folder, trace)


def test_a_seal_does_not_make_it_trusted(good, tmp_path, trace):
    from selfrefine.core import files

    with files.atomic_folder(tmp_path / "sealed") as folder:
        shutil.copytree(good / "pipeline", folder, dirs_exist_ok=True)
        module_in_folder(folder)
    assert "names code outside" in refused("pipeline", tmp_path / "sealed", trace)


def test_the_code_and_the_pickle_are_real_attacks(trace):
    """What they would do, if anything ran them: diffusers refuses most of these folders by itself, too, today."""
    importlib.import_module("evil")
    assert trace.exists()
    trace.unlink()
    pickle.loads(pickle.dumps(Attack()))
    assert trace.exists()
