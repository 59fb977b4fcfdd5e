"""The stage with a tiny encoder: a sealed folder that transformers loads, the same bytes whatever delivered it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from selfrefine.core import files
from selfrefine.core.job import Job
from selfrefine.pretrained import text_encoder
from selfrefine.stages import fetch_text_encoder
from tests.support import tiny_text
from tests.support.tiny import bytes_below

OUT = Path("models/fetch_text_encoder/tiny/text_encoder")


def job(folder: str) -> Job[fetch_text_encoder.Config, fetch_text_encoder.Inputs, fetch_text_encoder.Outputs]:
    config = fetch_text_encoder.Config(providers=("folder",), folder=folder, names={"text_encoder": "tiny"})
    return Job("fetch_text_encoder", config, fetch_text_encoder.Inputs(), fetch_text_encoder.Outputs(OUT))


def test_the_folder_is_sealed_loads_offline_and_does_not_tell_its_origin(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tiny_text.published(Path("one/place"))
    fetch_text_encoder.run(job("one/place"))
    files.check_folder(OUT)
    model, tokenizer = (kind.from_pretrained(OUT, local_files_only=True) for kind in (AutoModel, AutoTokenizer))
    ids = tokenizer(["a photo of bags"], return_tensors="pt").input_ids
    with torch.no_grad():
        expected = tiny_text.parts()[0](torch.tensor([[2, 5, 7, 8, 10, 12, 3]])).last_hidden_state
        assert torch.equal(model(ids).last_hidden_state, expected)
    assert not Path("scratch/fetch_text_encoder/tiny").exists()

    first = bytes_below(OUT)
    assert not [name for name, content in first.items() if b"place" in content]
    for half in (
        "text_encoder",
        "tokenizer",
    ):  # the same again, as a diffusers pipeline holds it, with other files beside
        shutil.copytree("one/place", Path("two", half))
        Path("two", half, "README.md").write_text("model card")
    fetch_text_encoder.run(job("two"))
    assert bytes_below(OUT) == first
    assert text_encoder.load(OUT).embed(["a"]).shape == (1, tiny_text.MOST_TOKENS, tiny_text.WIDTH)


def test_the_command_says_in_one_line_what_to_do(tmp_path: Path):
    config = {"providers": ["folder"], "folder": "downloads/minilm", "names": {"text_encoder": "minilm"}}
    command = [sys.executable, "-m", "selfrefine.stages.fetch_text_encoder", "--config", json.dumps(config)]
    command += ["--record", "models/fetch_text_encoder/minilm/config.json", "--text_encoder", "models/fetch/a/b"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "fetch_text_encoder: text encoder minilm: tried folder, none could deliver it; put its "
    )
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_folder_without_a_file_is_told_and_nothing_is_written(tmp_path: Path, monkeypatch, capsys, name: str):
    monkeypatch.chdir(tmp_path)
    (tiny_text.published(Path("mine")) / name).unlink()
    with pytest.raises(files.InputError, match=r"put its config.json, .* into mine"):
        fetch_text_encoder.run(job("mine"))
    assert capsys.readouterr().out == f"text encoder tiny: provider folder failed: no {name} in mine\n"
    assert not OUT.parent.exists()
