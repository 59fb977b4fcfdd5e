"""What the program tells people to do: never to delete what the same command can't make again."""

import ast
import re
from pathlib import Path

import pytest

from selfrefine.core import job
from selfrefine.core.errors import DamagedError

SOURCE = Path(job.__file__).parents[1]
ADVICE = re.compile(r"\b(?:delet\w*|remov(?:e|ing)\b|rm -\w+|erase)[^;]*", re.IGNORECASE)
# Where advice to delete something stands, and what: lines of a params file, and answers of who asks for it.
ALLOWED = {
    ("commands/study.py", "Deletes the answers of a participant who asks for it"),
    ("commands/study.py", "deleted"),  # which that person asked for
    ("params/check.py", "delete it here"),
    ("params/constraints.py", "delete it here"),
    ("params/constraints.py", "delete one"),
    ("params/experiment.py", "delete it: a file's name is its own"),
    ("params/family_constraints.py", "delete it here"),
    ("params/rival_constraints.py", "delete one"),
    ("params/strict_yaml.py", "delete it"),
    ("params/strict_yaml.py", "delete one"),
    ("stages/fetch_weights.py", "delete it here"),
}


def texts(tree: ast.Module) -> list[str]:
    """The strings of a module that are no docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [str(node.value) for node in strings if id(node) not in docstrings]


def test_only_what_can_be_made_again_is_to_be_deleted():
    found = {
        (path.relative_to(SOURCE).as_posix(), advice.strip())
        for path in SOURCE.rglob("*.py")
        for text in texts(ast.parse(path.read_text(encoding="utf-8")))
        for advice in ADVICE.findall(text)
    }
    assert found == ALLOWED


@pytest.mark.parametrize("words", ["delete it", "make it again by deleting it", "rm -r models", "Remove the folder"])
def test_the_search_finds_advice(words):
    assert ADVICE.search(f"file: cut off; {words} and run it again")


MADE = [
    "data/prepare_data/embedded/fashion_mnist/train/images.npy",
    "models/train_base/embedded/fashion_mnist/ddpm/seed0/pipeline",
    "results/extract_features/embedded/features.npz",
]
OWN = [
    "my_photos/images.npy",
    "data/mine/weights.safetensors",
    "models/vgg16.pth",
    "downloads/weights/vgg16.safetensors",
    "/elsewhere/models/train_base/x/pipeline",
    "../models/train_base/x/y/pipeline",
    "scratch/train_base/embedded/state.safetensors",
]


@pytest.mark.parametrize("path", MADE + OWN)
@pytest.mark.parametrize("absolute", [False, True])
def test_a_damaged_file_is_made_again_only_if_a_stage_made_it(path, absolute, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    remedy = job._remedy(DamagedError(tmp_path / path if absolute else Path(path), "cut off").path)
    assert ("run the same command, which makes it again" in remedy) == (path in MADE)
    assert remedy.startswith("; ")
    assert "\n" not in remedy
