"""The whole benchmark on a tiny network: every file is written and agrees with the others."""

import shutil
from pathlib import Path

import pytest

from selfrefine.commands import bench
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.params import job_config
from tests.support.tiny_subject import ROOT, SIZES, TINY_PARAMS


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """results/bench of a tiny benchmark, in a project whose "paper" is small."""
    root = tmp_path_factory.mktemp("project")
    (root / "experiments").mkdir()
    shutil.copy(ROOT / "params.yaml", root)
    shutil.copy(ROOT / "experiments" / "smoke.yaml", root / "experiments" / "paper.yaml")
    bench.bench(root, job_config.merge(bench.read_params(ROOT), TINY_PARAMS), SIZES)
    return root / "results" / "bench"


def test_tables_figures_and_page_are_there(written):
    names = {
        "cost.csv",
        "counted.csv",
        "training.csv",
        "sampling.csv",
        "side_by_side.csv",
        "cost.png",
        "speed.png",
        "bench.md",
    }
    assert {path.name for path in written.iterdir()} == names


def test_the_page_shows_the_tables(written):
    text = (written / "bench.md").read_text()
    for name in ("cost", "counted"):
        for line in files.read_table(written / f"{name}.csv").to_dict("records"):
            assert f"{line['cost']:.3f}" in text
    for name in ("training", "sampling", "side_by_side"):
        for line in files.read_table(written / f"{name}.csv").to_dict("records"):
            assert line["case"] in text
            assert f"{line['ratio']:.2f} [" in text
    assert "16 px in" in text


def test_wrong_params_are_told_in_a_line(tmp_path):
    for name in ("params.yaml", "workflow", "experiments"):
        source = ROOT / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    assert bench.read_params(tmp_path)["experiment"] == "embedded"
    text = (tmp_path / "params.yaml").read_text().replace("  batch_size: 32  # images per step", "  batch_size: -1  #")
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(InputError, match=r"params.yaml: train_base.batch_size is -1"):
        bench.read_params(tmp_path)
    (tmp_path / "params.yaml").unlink()
    with pytest.raises(InputError, match="no such file; run from the project's root"):
        bench.read_params(tmp_path)
