"""A model's folder that anybody may have made: it may hold numbers and settings, never code, nor lead out of itself.

Checked before diffusers or transformers read it: they import what its settings name, and unpickle old weights.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfrefine.core import files
from selfrefine.core.errors import InputError, one_line

INDEX = "model_index.json"  # of a pipeline: the class of each of its parts
# Where the classes of parts may come from; the third holds the filter of Stable Diffusion, which is never loaded.
LIBRARIES = ("diffusers", "transformers", "stable_diffusion", "selfrefine.networks.uvit")
CODE = (".py", ".pyc", ".pyd", ".so")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
NAMES_CODE = ("auto_map", "custom_pipeline", "custom_pipelines", "trust_remote_code", "base_model_name_or_path")
NAMES_FILE = ("transformers_weights", "vocab_file", "merges_file", "tokenizer_file", "vae_file")
PREPARES = ("image_mean", "image_std", "size", "crop_size")  # of an image processor: which pixels a network sees
MOST_SETTINGS, MOST_JSON = 2**20, 2**26  # bytes: of *config.json and indices; of tokenizer.json and vocabularies
MOST_FILES = 10_000


def check(folder: Path) -> Path:
    """Returns `folder` if reading it can run no code and touches nothing else; hidden files are passed over.

    Raises:
        InputError: a missing folder; code, or settings that name some; a pickle in the place of safetensors; a link out
            of the folder, a name that leads out of it, or what is no file; settings that are too large or no JSON.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    for path in _entries(folder):
        _check_place(path, folder)
        if path.is_dir():
            continue
        if not path.is_file():
            raise InputError(f"{path}: neither a file nor a folder")
        if path.suffix in CODE:
            raise InputError(f"{path}: code; a model's folder may hold none, and nothing of it is run")
        if path.suffix in PICKLES and _is_read(path):
            raise InputError(
                f"{path}: may be a pickle, which can run code; only safetensors are read: save the model again with "
                "save_pretrained(..., safe_serialization=True)"
            )
        if path.suffix == ".json":
            _check_json(path)
    return folder


def _is_read(weights: Path) -> bool:
    """Whether a library would take weights: beside a network's settings, where there are no safetensors."""
    return weights.with_name("config.json").exists() and not any(weights.parent.glob("*.safetensors"))


def _entries(folder: Path) -> list[Path]:
    """Files and folders below, sorted; of links those themselves; none that is hidden or lies below a hidden one."""
    found = []
    for path in folder.rglob("*"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            found.append(path)
        if len(found) > MOST_FILES:
            raise InputError(f"{folder}: more than {MOST_FILES:,} files; name the folder of one model")
    return sorted(found)


def _check_place(path: Path, folder: Path) -> None:
    """Raises InputError unless the entry lies in the folder, also if it is a link; or in the hub's cache around it."""
    root, place = folder.resolve(), path.resolve()
    blobs = [above.parent / "blobs" for above in root.parents if above.name == "snapshots"]
    if not any(place.is_relative_to(allowed) for allowed in (root, *blobs)):
        raise InputError(f"{path}: a link out of the folder; put the file itself there")


def _check_json(path: Path) -> None:
    """Raises InputError unless the file has the size of settings; and of those that decide what is read, safe words."""
    if not path.name.endswith(("config.json", "index.json")):
        _check_size(path, MOST_JSON)
    else:
        for key, value in _settings(read(path)):
            if key in NAMES_CODE and value:
                raise InputError(f"{path}: names code ({key}); nothing of a model's folder is run: take it out")
            named = key in NAMES_FILE or key.startswith("weight_map/")
            if named and isinstance(value, str) and (Path(value).is_absolute() or ".." in Path(value).parts):
                raise InputError(f"{path}: {key.removeprefix('weight_map/')} names a file outside the folder")


def _check_size(path: Path, most: int) -> None:
    """Raises InputError if a file is larger than it may be."""
    if (size := path.stat().st_size) > most:
        raise InputError(f"{path}: {size:,} bytes; {most:,} allowed for such a file")


def _settings(values: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """All keys of settings and of those inside, with their values."""
    for key, value in values.items() if isinstance(values, dict) else ():
        yield (f"weight_map/{key}" if above == "weight_map" else key), value
        yield from _settings(value, key)


def read(path: Path) -> dict[str, Any]:
    """Settings of a model: a JSON file that holds a mapping.

    Raises:
        InputError: there is none, or one too large to hold settings.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    _check_size(path, MOST_SETTINGS)
    try:
        values: Any = files.read_json(path)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({one_line(error)})") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds no settings, a JSON mapping needed")
    return values


def parts(folder: Path) -> dict[str, tuple[str, str]]:
    """The parts of a pipeline that are there: library and class by name.

    Raises:
        InputError: no pipeline, or one whose classes come from elsewhere than LIBRARIES.
    """
    path = folder / INDEX
    if not path.is_file():
        raise InputError(f"{folder}: not the folder of a diffusers pipeline: no {INDEX} in it")
    index = read(path)
    if not _is_name(index.get("_class_name")):
        raise InputError(
            f"{path}: _class_name is {index.get('_class_name')!r}; the name of a diffusers pipeline needed"
        )
    found = {}
    for name, value in index.items():
        if name.startswith("_") or not isinstance(value, list) or value == [None, None]:
            continue
        if not _is_name(name) or len(value) != 2 or value[0] not in LIBRARIES or not _is_name(value[1]):
            shown = one_line(f"{name}: {value}")
            raise InputError(f"{path}: {shown} names code outside diffusers, transformers and selfrefine")
        found[name] = (value[0], value[1])
    return found


def _is_name(word: Any) -> bool:
    return isinstance(word, str) and word.isidentifier()
