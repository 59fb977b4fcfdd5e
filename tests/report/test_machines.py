"""Records of jobs that ran alike or not, and what pages say of them."""

import pytest

from selfrefine.core import files
from selfrefine.core.names import PROVENANCE
from selfrefine.report import machines

HERE = {"torch": "2.9.1", "diffusers": "0.35", "numpy": "2.3", "instructions": "avx512"}
ON_CPU = HERE | {"device": "cpu", "precision": "float32"}


def job(root, stage, inputs=(), machine=ON_CPU):
    """A job's output, with its record beside it."""
    path = root / "results" / stage / "output.csv"
    files.write_text(path, stage)
    provenance = {"code": {}, "inputs": {str(given): "0" for given in inputs}}
    if machine is not None:
        provenance["machine"] = machine
    files.write_json(path.parent / "config.json", {"names": {}, PROVENANCE: provenance})
    return path


def chain(root, **of):
    """data -> base -> refined -> measured, the last of which needs no device."""
    data = job(root, "prepare_data", [job(root, "fetch_data", machine=of.get("fetch_data", ON_CPU))], HERE)
    base = job(root, "train_base", [data], of.get("base", ON_CPU))
    refined = job(root, "train_refined", [data, base], of.get("refined", ON_CPU))
    return job(root, "evaluate_generation", [refined, root / "gone.npz"], HERE)


def test_jobs_that_ran_alike_are_not_spoken_of(tmp_path):
    assert machines.behind([chain(tmp_path), tmp_path / "workflow" / "paper_values.csv"]) == {}
    assert machines.mixed_words({}) == ""


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        ("torch", "2.10.0"),
        ("diffusers", "0.36"),
        ("numpy", "2.4"),
        ("device", "NVIDIA H100"),
        ("precision", "bfloat16"),
        ("instructions", "avx2"),
    ],
)
@pytest.mark.parametrize("who", ["base", "refined"])
def test_one_job_that_ran_otherwise_is_found_behind_the_measured_one(tmp_path, fact, other, who):
    found = machines.behind([chain(tmp_path, **{who: ON_CPU | {fact: other}})])
    assert list(found) == [fact]
    assert found[fact][other] == 1
    words = machines.mixed_words(found)
    assert f"{machines.WORDS[fact]}: " in words
    assert f"{other} (1 job)" in words


def test_an_older_record_is_not_taken_for_the_same(tmp_path):
    found = machines.behind([chain(tmp_path, base=None)])
    assert found["torch"] == {"2.9.1": 3, "not recorded": 1}


def test_where_files_were_fetched_changes_nothing(tmp_path):
    assert machines.behind([chain(tmp_path, fetch_data=ON_CPU | {"torch": "1.0"})]) == {}
