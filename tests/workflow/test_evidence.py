"""Seeds that are kept in git: what is kept, and every table made of it again, without data and networks."""

import json
import shutil
from pathlib import Path

import pytest

from selfrefine.commands import keep_seeds
from selfrefine.core import files
from tests.support.command import refused
from tests.support.project import Project

pytestmark = pytest.mark.slow

TABLES = Path("results", "tables", "smoke")


def test_every_table_is_made_again_of_what_is_kept_of_a_finished_seed(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two seeds one has run: it is kept, the other is not, and the tables have the bytes of the run's own."""
    project.set("select.seeds", [0, 1])
    project.run("git commit --quiet --all --message 'Two seeds'")
    first, second, *_ = project.run("selfrefine evidence keep --experiment smoke").splitlines()
    assert first == "seed 0: kept, in evidence/smoke/seed0; commit it"
    assert second.startswith("seed 1: not kept: ")
    assert second.endswith("seed1/config.json first: its job has not ended")
    check_about(project)
    own = {path.name: path.read_bytes() for path in (project.root / TABLES).iterdir()}
    for folder in ("data", "models", "results", "benchmarks"):
        shutil.rmtree(project.root / folder)
    told = project.run("selfrefine evidence tables --experiment smoke --out again")
    made = {path.name: path.read_bytes() for path in (project.root / "again").iterdir()}
    assert made.keys() == own.keys()
    assert [name for name in own if made[name] != own[name]] == ["config.json"]  # has no provenance here
    (line,) = told.splitlines()  # nothing has changed
    assert line.startswith("smoke: tables of one seed (seed 0 at ")
    monkeypatch.chdir(project.root)
    kept = next(Path("evidence/smoke/seed0/results/evaluate_generation").rglob("metrics.csv"))
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    words = ["evidence", "tables", "--experiment", "smoke", "--out", "never"]
    assert refused(words, capsys).startswith(f"selfrefine evidence: {kept}: changed since it was made (SHA256SUMS")
    assert not Path("never").exists()


def check_about(project: Project) -> None:
    """What about.json says is what lies there."""
    about = json.loads((project.root / "evidence/smoke/seed0" / keep_seeds.ABOUT).read_text())
    assert about["commit"] == project.run("git rev-parse HEAD").strip()
    assert about["protocol"]["experiments/smoke.yaml"] == files.sha256(project.root / "experiments/smoke.yaml")
    weights = about["weights"]
    for stage in ("train_base", "train_highlighter", "train_refined", "train_autoencoder", "train_classifier"):
        assert any(path.startswith(f"models/{stage}/smoke/") for path in weights), stage
    assert all(files.sha256(project.root / path) == digest for path, digest in weights.items())
    trained = [path for path in about["seconds"] if path.startswith("models/train_refined/")]
    assert trained
    assert all(about["seconds"][path] > 0.0 for path in trained)
    assert set(about["jobs_ran_with"]) >= {"torch", "device", "precision", "threads"}
