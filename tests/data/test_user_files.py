"""What a folder of the user holds decides about the jobs that read it, not its dates; without it their outputs do."""

import os
from pathlib import Path

import pytest

from selfrefine.core import config_json, record
from selfrefine.data import user_files

READ = {  # stage: files that count, beside hidden ones, which do not
    "prepare_data": ("1.png", "cats/2.jpg", "captions.csv"),
    "train_base": ("config.json", "diffusion_pytorch_model.safetensors"),
    "train_autoencoder": ("config.json", "diffusion_pytorch_model.safetensors"),
    "evaluate_prompts": ("config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"),
    "fetch_text_encoder": ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
}


@pytest.fixture(params=READ)
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A stage and its folder `given`; the working folder is empty but for that."""
    monkeypatch.chdir(tmp_path)
    for name in (*READ[request.param], ".DS_Store"):
        path = Path("given", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"some bytes")
    return str(request.param)


def watched(stage: str, **changed: object) -> str:
    config = {user_files.FOLDERS[stage]: "given", "size": 8} | changed
    found = user_files.watched(stage, config, Path("config.json"))
    assert {key: value for key, value in found.items() if key != "contents"} == config
    return str(found.get("contents", ""))


def test_every_file_that_is_read_counts_and_no_date(stage: str):
    before = watched(stage)
    assert before
    for name in READ[stage]:
        path = Path("given", name)
        os.utime(path)
        Path("given", ".DS_Store").write_bytes(name.encode())
        assert watched(stage) == before
        path.write_bytes(b"any bytes!")
        assert watched(stage) != before, name
        path.write_bytes(b"some bytes")
        assert watched(stage) == before


def test_outputs_stand_in_for_a_folder_that_is_gone(stage: str):
    before = watched(stage)
    Path("given").rename("elsewhere")
    assert watched(stage) == "", "nothing was made of it"
    for damaged in ("cut", "[]", "{}"):
        Path("config.json").write_text(damaged)
        assert watched(stage) == ""
    record.write(Path("config.json"), {"contents": before}, {}, {}, [])
    assert watched(stage) == before
    assert watched(stage, size=9) == before
    Path("given").mkdir()
    assert watched(stage) != before, "an empty folder is no missing one"


def test_jobs_without_a_folder_of_the_user_have_no_such_key():
    for stage, config in (("train_base", {"pretrained": ""}), ("prepare_data", {"source": "a"}), ("make_tables", {})):
        assert user_files.watched(stage, config, Path("config.json")) == config


def test_stages_are_told_only_what_they_read():
    """The digest is for Snakemake; a stage that has a field of that name gets it."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Without:
        size: int

    @dataclass(frozen=True)
    class With:
        size: int
        contents: str

    text = config_json.to_json({"size": 8, "contents": "digest"})
    assert config_json.from_json(Without, text) == Without(8)
    assert config_json.from_json(With, text) == With(8, "digest")


def test_all_folders_of_a_stage_with_several_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also which of them holds a file; one that is not there lets the outputs stand in for all."""
    monkeypatch.chdir(tmp_path)
    config = {"folder": "marked", "images": "", "real": "photographs"}
    for name in ("marked", "photographs"):
        Path(name).mkdir()
        Path(name, "a.png").write_bytes(name.encode())

    def contents() -> str:
        return str(user_files.watched("evaluate_human_marks", config, Path("config.json"))["contents"])

    before = contents()
    for name in ("marked", "photographs"):
        Path(name, "a.png").write_bytes(b"other")
        assert contents() != before
        Path(name, "a.png").write_bytes(name.encode())
        assert contents() == before
    Path("marked", "a.png").rename("b.png")
    Path("photographs", "a.png").rename("marked/a.png")
    Path("b.png").rename("photographs/a.png")
    assert contents() != before
    Path("photographs").rename("elsewhere")
    assert contents() == ""
    record.write(Path("config.json"), {"contents": before}, {}, {}, [])
    assert contents() == before
