"""What the command says of records that jobs themselves write, and of records made old by a change of one thing."""

import argparse
import contextlib
import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml

from selfrefine.commands import why
from selfrefine.core import config_json, files, record
from selfrefine.core import job as core_job
from selfrefine.core.errors import InputError
from selfrefine.core.names import PROVENANCE
from selfrefine.data import user_files
from selfrefine.params import code_digest, experiment, job_config, model_kinds

ROOT = Path(__file__).resolve().parents[2]
DATASET, RUN = {"dataset": "fashion_mnist"}, {"dataset": "fashion_mnist", "model": "uvit", "seed": "0"}
FETCHED = Path("data/fetch_data/fashion_mnist/train-images-idx3-ubyte")
IMAGES = Path("data/prepare_data/smoke/fashion_mnist/train/images.npy")
BASE = Path("models/train_base/smoke/fashion_mnist/uvit/seed0")
FAKES = Path("data/generate_fakes/smoke/fashion_mnist/uvit/seed0")
TABLE = Path("results/tables/smoke/table2.csv")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Params and rules in a folder, in which a chain of jobs has run that does nothing but write."""
    folder = tmp_path_factory.mktemp("finished")
    for name in ("params.yaml", "experiments", "workflow"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    with contextlib.chdir(folder):
        files.write_bytes(FETCHED, b"photographs")
        run_job("prepare_data", DATASET, {"photographs": FETCHED}, {"train_images": IMAGES})
        run_job("train_base", RUN, {"images": IMAGES}, {"pipeline": BASE / "pipeline"})
        run_job("generate_fakes", RUN, {"pipeline": BASE / "pipeline"}, {"images": FAKES / "images.npy"})
        run_job("make_tables", {}, {"generation": FAKES / "images.npy"}, {"table2_csv": TABLE})
    return folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A copy of it, with the times of all files, is the working folder."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")


def run_job(name, names, inputs, outputs, content="made"):
    """Runs a stage's command, which writes one output instead of computing; inputs that are not given are `nothing`."""
    stage, params = importlib.import_module(f"selfrefine.stages.{name}"), experiment.read_params(Path(), "smoke")[0]
    (path,) = outputs.values()
    kept = (path.parents[1] if name == "prepare_data" else path.parent) / record.NAME
    config = user_files.watched(name, job_config.job(params, name, names), kept)
    modules = code_digest.modules(name, model_kinds.family(params, names))
    line = ["--config", config_json.to_json(config), "--modules", json.dumps(modules)]
    line += ["--record", str(kept)]
    Path("nothing").touch()
    for field, kind in stage.Inputs.__annotations__.items():
        given = inputs.get(field, "nothing" if kind is Path else None)
        line += [f"--{field}", *([str(given)] if given else [])]
    for field in stage.Outputs.__annotations__:
        line += [f"--{field}", str(outputs.get(field, "nothing"))]

    def write(_job):
        if path.suffix:
            files.write_text(path, content)
        else:
            with files.atomic_folder(path) as made:
                (made / "config.json").write_text(content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{name}.py", *line])
        core_job.main(write, stage.Config, stage.Inputs, stage.Outputs)


def said(capsys, output):
    """The lines that the command prints."""
    parser = argparse.ArgumentParser()
    why.add_arguments(parser)
    capsys.readouterr()
    why.run(parser.parse_args([str(output)]))
    return capsys.readouterr().out.splitlines()


def edit(path, change):
    """Changes the provenance in a record, as if another version had written it."""
    kept = files.read_json(path)
    change(kept[PROVENANCE])
    files.write_json(path, kept)


@pytest.mark.parametrize("output", [TABLE, FAKES / "images.npy", FAKES, BASE / "pipeline/config.json", IMAGES])
def test_nothing_has_changed_since_a_job_has_run(project, capsys, output):
    line = f"nothing changed since {output} was made: snakemake has nothing to do for it"
    assert said(capsys, output) == [line]
    assert said(capsys, output.absolute()) == [line]


def test_a_module_that_changed_came_or_went_is_named_and_also_where_it_was_used_before(project, capsys):
    def age(provenance):
        provenance["code"]["core/files.py"] = "0" * 16
        provenance["code"]["core/old.py"] = provenance["code"].pop("core/job.py")

    expected = ["core/files.py changed", "core/job.py was added", "core/old.py is gone"]
    edit(FAKES / "config.json", age)
    assert said(capsys, FAKES) == [f"code: {line}" for line in expected]
    assert said(capsys, TABLE) == [f"before that, generate_fakes: code: {line}" for line in expected]
    assert "nothing changed" in said(capsys, BASE)[0]


def test_another_family_is_no_reason(project):
    modules = files.read_json(BASE / "config.json")[PROVENANCE]["code"]
    assert "networks/uvit.py" in modules
    assert "networks/ddpm.py" not in modules


def test_a_param_is_named_with_its_section_and_both_values(project, capsys):
    with modify_yaml("experiments/smoke.yaml") as params:
        params["models"]["uvit"]["train_base"]["steps"] = 9
        params["shared"]["map_steps"] = 3
        params["select"]["masks"] = []
        params["models"]["uvit"]["train_base"]["network"]["dim"] = 32
    base = ["train_base.network.dim was 16, is 32", "train_base.steps was 8, is 9"]
    fakes = "shared.map_steps was 2, is 3"
    assert said(capsys, BASE) == [f"params: {line}" for line in base]
    assert said(capsys, FAKES) == [f"params: {fakes}", *(f"before that, train_base: params: {line}" for line in base)]
    assert 'params: select.masks was ["wide"], is []' in said(capsys, TABLE)
    assert f"before that, generate_fakes: params: {fakes}" in said(capsys, TABLE)


def test_a_row_that_is_gone(project, capsys):
    kept = files.read_json(FAKES / "config.json")
    kept["names"]["model"] = "gan"
    files.write_json(FAKES / "config.json", kept)
    assert said(capsys, FAKES) == ["params: there is no model gan any more"]


def test_an_input_that_changed_and_one_that_is_missing(project, capsys):
    FETCHED.write_bytes(b"other bytes")
    assert said(capsys, IMAGES) == [f"input: {FETCHED} changed"]
    assert said(capsys, BASE) == [f"before that, prepare_data: input: {FETCHED} changed"]
    FETCHED.unlink()  # nothing that needs it has to run
    assert said(capsys, IMAGES) == [
        f"input: {FETCHED} is gone; `snakemake -n {IMAGES}` says whether it would be the same"
    ]


def test_an_input_that_was_made_anew_counts_if_its_content_is_another(project, capsys):
    run_job("train_base", RUN, {"images": IMAGES}, {"pipeline": BASE / "pipeline"})
    assert "nothing changed" in said(capsys, FAKES)[0]
    run_job("train_base", RUN, {"images": IMAGES}, {"pipeline": BASE / "pipeline"}, "other")
    assert said(capsys, FAKES) == [f"input: {BASE}/pipeline changed"]


@pytest.mark.parametrize("age", [-(10**9), 0, 10**9])
@pytest.mark.parametrize("path", [IMAGES, FAKES / "images.npy", BASE / "pipeline/config.json"])
def test_an_output_that_is_not_what_its_job_made_is_named_whatever_its_date(project, capsys, path, age):
    state, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, (state.st_atime, state.st_mtime + age))
    output = path.parent if path.parent.name == "pipeline" else path
    assert said(capsys, path) == [f"output: {output} changed since it was made"]


@pytest.mark.parametrize("path", [IMAGES, BASE / "pipeline", FAKES / "images.npy"])
def test_dates_and_hidden_files_and_documents_are_no_change(project, capsys, path):
    later = time.time() + 10**6
    for file in [path, *path.rglob("*")]:
        os.utime(file, (later, later))
    if path.is_dir():
        for name in (".snakemake_timestamp", "README.md"):
            (path / name).write_text("added")
    assert "nothing changed" in said(capsys, TABLE)[0]


def test_images_of_a_folder_are_inputs(project, capsys):
    images, made = Path("downloads/my_images/a.png"), Path("data/prepare_data/smoke/my_images/train/images.npy")
    files.write_bytes(images, b"one")
    run_job("prepare_data", {"dataset": "my_images"}, {}, {"train_images": made})
    assert "nothing changed" in said(capsys, made)[0]
    files.write_bytes(images, b"other")
    assert said(capsys, made) == ["input: the files in downloads/my_images changed"]


def older(kept):
    del kept[PROVENANCE]["outputs"]


def none_at_all(kept):
    del kept[PROVENANCE]


@pytest.mark.parametrize("change", [older, none_at_all])
def test_a_record_of_an_older_version_is_none(project, capsys, change):
    kept = files.read_json(FAKES / "config.json")
    change(kept)
    files.write_json(FAKES / "config.json", kept)
    (line,) = said(capsys, FAKES / "images.npy")
    assert line.startswith(f"{FAKES}/images.npy has no record beside it: its job did not end; `snakemake ")


@pytest.mark.parametrize("name", ["smoke", "embedded"])
def test_what_is_missing_and_what_makes_it(project, capsys, name):
    path = Path("models/train_base", name, "fashion_mnist/uvit/seed7/pipeline")
    with modify_yaml("params.yaml") as params:
        params["experiment"] = "smoke"
    other = "" if name == "smoke" else " --config experiment=embedded"
    command = f"snakemake --cores 1 --resources gpu=1 {path}{other}"
    assert said(capsys, path) == [f"{path} is missing; `{command}` makes it"]
    path.mkdir(parents=True)
    (line,) = said(capsys, path)
    assert line == f"{path} has no record beside it: its job did not end; `{command}` makes it"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("README.md", "not made by a job; name a file below data/, models/, results/"),
        ("data/nothing/smoke/images.npy", "not made by a job"),
        ("../elsewhere/data/x/y", "not made by a job"),
        ("models/train_base/smoke", "holds the outputs of several jobs; name one of them"),
        ("results/tables/smoke/tabel2.csv", "make_tables makes no tabel2.csv; see workflow/rules/make_tables.smk"),
        ("results/tables/smok/table2.csv", "smok is no file of experiments/"),
    ],
)
def test_what_is_no_output_is_refused_in_one_line(project, capsys, output, words):
    with pytest.raises(InputError) as refusal:
        said(capsys, output)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
