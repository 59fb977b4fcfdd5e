"""The study of cheap maps on a finished run, from the command line to table, page and figure."""

import shutil

import pandas as pd
import pytest

from selfrefine import networks
from selfrefine.commands import fidelity, main
from selfrefine.core.errors import InputError
from tests.support import tiny
from tests.support.command import refused

SIZES = "--reference 8x4 --pool 4 --candidates 2x4 2x2"
WORDS = f"fidelity {SIZES} --device cpu --precision float32".split()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two seeds of two data sets, and the params that select them."""
    root = tmp_path_factory.mktemp("project")
    rows = "datasets: {shapes: {}, petals: {}}\nmodels: {tiny: {}}\n"
    (root / "params.yaml").write_text(f"experiment: small\nselect: {{datasets: [shapes], models: [tiny]}}\n{rows}")
    (root / "experiments").mkdir()
    (root / "experiments" / "small.yaml").write_text("{}\n")
    (root / "experiments" / "more.yaml").write_text("select: {datasets: [petals, shapes]}\n")
    for dataset in ("shapes", "petals"):
        for seed in (0, 1):
            place = f"small/{dataset}/tiny"
            networks.save(tiny.tiny_pipeline(seed), root / f"models/train_base/{place}/seed{seed}/pipeline")
            path = root / f"models/train_highlighter/{place}/flaw/seed{seed}/highlighter.safetensors"
            tiny.write_highlighter(path)
    return root


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A copy that a test may change, as the working folder."""
    root = shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def test_table_page_and_figure_are_written_and_nothing_is_left(project, capsys):
    main.main(WORDS)
    table = pd.read_csv(project / "results/bench/fidelity.csv")
    assert set(table["dataset"]) == {"shapes"}
    assert set(table["seed"]) == {0, 1}
    assert set(zip(table["images"], table["steps"], strict=True)) == {(8, 4), (2, 4), (2, 2)}
    assert table.loc[table["metric"] == "r", "value"].between(-1.0, 1.0).all()
    assert "| 2 x 2 " in (project / "results/bench/fidelity.md").read_text()
    assert (project / "results/bench/fidelity.png").read_bytes().startswith(b"\x89PNG")
    assert "2 base models, 56 network evaluations each" in capsys.readouterr().out
    assert not (project / "scratch/bench/fidelity").exists()
    first = (project / "results/bench/fidelity.csv").read_bytes()
    main.main(WORDS)
    assert (project / "results/bench/fidelity.csv").read_bytes() == first


def test_other_data_sets_are_looked_at_when_named(finished):
    assert fidelity.selection(None, None, finished) == ("small", ["shapes"])
    assert fidelity.selection("more", None, finished) == ("more", ["petals"])
    assert fidelity.selection(None, ["petals", "shapes"], finished) == ("small", ["petals", "shapes"])
    found = list(fidelity.finished_runs(finished, "small", ["petals", "shapes"], ["flaw", "second"]))
    assert [(run.names["dataset"], run.names["seed"]) for run in found] == [
        ("petals", "0"),
        ("petals", "1"),
        ("shapes", "0"),
        ("shapes", "1"),
    ]
    assert all(list(run.highlighters) == ["flaw"] for run in found), "those that a run has not are left out"


def test_a_data_set_without_models_is_told(finished):
    with pytest.raises(InputError, match=r"train_base/more/shapes: no finished base model .*make all EXPERIMENT=more"):
        list(fidelity.finished_runs(finished, "more", ["shapes"], ["flaw"]))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--candidates", "2by2"), "'2by2' is no size of a refresh"),
        (("--pool", "3"), "a pool of 3 images gives fewer than 2 disjoint maps of 2 images"),
        (("--experiment", "none"), "experiments/none.yaml: no such file"),
        (("--reference", "2x400"), "400 steps asked for, but the model has 20 timesteps"),
    ],
)
def test_bad_words_end_in_one_line(finished, monkeypatch, capsys, words, told):
    monkeypatch.chdir(finished)
    line = refused([*WORDS, *words], capsys)
    assert line.startswith("selfrefine fidelity: ")
    assert told in line
    assert not (finished / "results").exists()
