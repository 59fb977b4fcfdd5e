"""`selfrefine evidence`: what is refused, what a seed waits for, and what is told of seeds that are kept."""

import argparse
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from selfrefine.commands import evidence, findings, keep_seeds, kept_tables
from selfrefine.commands.listed_jobs import Listed
from selfrefine.commands.snakemake_plan import Planned
from selfrefine.core import files, record
from selfrefine.core.errors import InputError
from selfrefine.core.names import PROVENANCE
from selfrefine.stages import make_tables
from tests.support.command import refused
from tests.support.job_list import ROOT, project_params

BASE, SAMPLES = (
    Path(f"{room}/smoke/fashion_mnist/ddpm/seed0") for room in ("models/train_base", "data/generate_fakes")
)
PARAMS = project_params("smoke")


def made(stage: str, folder: Path, inputs: list[Path], needs: list[Path]) -> Planned:
    """A job that has run: its output, and the record beside it."""
    output, names = folder / "images.npy", {"dataset": "fashion_mnist", "model": "ddpm", "seed": "0"}
    config, given = {"names": names}, [str(path) for path in inputs]
    files.write_text(output, "made")
    digests = record.check(inputs)
    lineage = record.lineage(config, "0123", record.origins(digests))
    record.write(folder / record.NAME, config, {}, digests, [output], lineage)
    listed = Listed(config, "0123", given, [str(output), str(folder / record.NAME)])
    return Planned(stage, names, listed, {"given": given}, {"made": [str(output)]}, [str(path) for path in needs], "")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Planned]:
    """Two jobs of a seed, the second of which reads what the first has made; one of another seed that has not run."""
    monkeypatch.chdir(tmp_path)
    for stage in ("train_base", "generate_fakes"):
        files.write_text(Path("workflow", "rules", f"{stage}.smk"), "")
    first = made("train_base", BASE, [], [])
    second = made("generate_fakes", SAMPLES, [BASE / "images.npy"], [BASE / record.NAME])
    other = first._replace(names=first.names | {"seed": "1"})
    return {str(BASE / record.NAME): first, str(SAMPLES / record.NAME): second, "models/other/config.json": other}


def test_a_finished_seed_waits_for_nothing(jobs):
    own = keep_seeds.behind(jobs, "0")
    assert list(own) == list(jobs)[:2]
    assert keep_seeds.unfinished(own, PARAMS) == ""


@pytest.mark.parametrize("place", [BASE, SAMPLES])
def test_a_job_that_has_not_ended_is_named_the_earliest_first(jobs, place):
    """With the record of the base gone, what was made of the base is not up to date either."""
    (place / record.NAME).unlink()
    told = keep_seeds.unfinished(keep_seeds.behind(jobs, "0"), PARAMS)
    number = 2 if place == BASE else 1
    assert (
        told
        == f"{number} of 2 jobs are not finished and up to date, {place / record.NAME} first: its job has not ended"
    )


def test_a_job_of_other_code_and_a_changed_output_are_named(jobs):
    path = str(SAMPLES / record.NAME)
    job = jobs[path]
    other = jobs | {path: job._replace(listed=job.listed._replace(code="4567"))}
    assert keep_seeds.unfinished(keep_seeds.behind(other, "0"), PARAMS).startswith(
        "1 of 2 jobs are not finished and up to"
    )
    files.write_text(SAMPLES / "images.npy", "changed")
    assert keep_seeds.unfinished(keep_seeds.behind(jobs, "0"), PARAMS)


def test_what_belongs_to_no_seed_is_kept_once_it_is_finished(jobs):
    """A study of the seed's images: neither it nor its jobs keep a seed from being kept."""
    folder = Path("results/generate_fakes/smoke/study")
    study = made("generate_fakes", folder, [SAMPLES / "images.npy"], [SAMPLES / record.NAME])
    study = study._replace(names={"study": "garments"})
    named = {"generation": [str(SAMPLES / "images.npy")], "studies": study.listed.outputs[:1]}
    tables = Planned("make_tables", {}, Listed({}, "", [], []), named, {}, [], "")
    every = jobs | {str(folder / record.NAME): study, "results/tables/config.json": tables}
    assert set(keep_seeds.behind_all_seeds(every)) == {*list(jobs)[:2], str(folder / record.NAME)}
    assert str(folder / record.NAME) not in keep_seeds.behind(every, "0")
    (folder / record.NAME).unlink()
    assert keep_seeds.behind_all_seeds(every) == {}
    assert keep_seeds.unfinished(keep_seeds.behind(every, "0"), PARAMS) == ""


def test_of_a_folder_all_but_the_weights_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("config.json", "SHA256SUMS", "model.safetensors", "deep/more.json", ".hidden"):
        files.write_text(Path("pipeline", name), name)
    files.write_text(Path("metrics.csv"), "")
    found = [path.as_posix() for path in keep_seeds.small_files(["pipeline", "metrics.csv"])]
    assert found == ["pipeline/SHA256SUMS", "pipeline/config.json", "pipeline/deep/more.json", "metrics.csv"]


def git(*words: str) -> None:
    own = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *own, *words], check=True, capture_output=True)


def test_a_tree_with_changes_is_refused_unless_it_is_asked_for_and_then_it_is_recorded(tmp_path, monkeypatch):
    """What is kept already is no change."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^no git repository here, whose commit"):
        keep_seeds.commit(dirty=True)
    git("init", "--quiet")
    files.write_text(Path("params.yaml"), "experiment: smoke\n")
    git("add", "params.yaml")
    git("commit", "--quiet", "--message", "first")
    files.write_text(Path("evidence", "small", "seed0", "about.json"), "{}")
    clean = keep_seeds.commit(dirty=False)
    assert len(clean) == 40
    files.write_text(Path("src", "new.py"), "")
    with pytest.raises(InputError, match=r"^src/: changed since the last commit; commit it first, or say --dirty"):
        keep_seeds.commit(dirty=False)
    assert keep_seeds.commit(dirty=True) == f"{clean} with changes"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tables"], "--out is needed by tables: selfrefine evidence tables --out FOLDER"),
        (["keep", "--out", "x"], "--out belongs to tables: selfrefine evidence tables --out FOLDER"),
        (["tables", "--out", "x", "--dirty"], "--dirty belongs to keep: selfrefine evidence keep --dirty"),
        (
            ["tables", "--out", "x"],
            "evidence/small: no seed is kept; `selfrefine evidence keep` keeps those that are finished",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert refused(["evidence", *words], capsys) == f"selfrefine evidence: {told}"
    assert not Path("x").exists()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kept seed, its files sealed."""
    monkeypatch.chdir(tmp_path)
    folder = keep_seeds.folder_of("smoke", "10")
    with files.atomic_folder(folder) as inside:
        files.write_text(inside / "results" / "metrics.csv", "value\n1\n")
        files.write_json(inside / keep_seeds.ABOUT, {"seed": "10"})
    files.write_text(keep_seeds.folder_of("smoke", "2") / "about.json", "{}")
    return folder


def test_seeds_are_in_the_order_of_their_numbers(kept):
    assert keep_seeds.seeds("smoke") == ["2", "10"]
    assert keep_seeds.seeds("small") == []


@pytest.mark.parametrize("change", ["results/metrics.csv", "about.json", "results/more.csv", "gone"])
def test_a_changed_added_or_lost_file_is_refused_in_one_line(kept, change):
    assert keep_seeds.checked(kept) == {"seed": "10"}
    if change == "gone":
        (kept / "results" / "metrics.csv").unlink()
    else:
        files.write_text(kept / change, '{"seed": "11"}')
    with pytest.raises(InputError, match=r"`git checkout evidence` brings back what was kept$") as caught:
        keep_seeds.checked(kept)
    assert "\n" not in str(caught.value)
    assert str(kept) in str(caught.value)


def test_a_later_protocol_is_told_with_the_seeds_that_had_another(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.write_text(Path("experiments", "small.yaml"), "one")
    first = {"commit": "a" * 40, "protocol": keep_seeds.protocol("small")}
    assert set(first["protocol"]) == {"experiments/small.yaml", "docs/protocol.md"}
    assert list(kept_tables.words("small", {"0": first}, ["0"])) == [
        f"small: tables of one seed (seed 0 at {'a' * 40})"
    ]
    files.write_text(Path("docs", "protocol.md"), "fixed")
    second = {"commit": "b" * 40, "protocol": keep_seeds.protocol("small")}
    abouts = {"0": first, "1": second, "7": second}
    lines = list(kept_tables.words("small", abouts, ["0", "1"]))
    assert lines[0].startswith("small: tables of 2 seeds (seed 0 at ")
    assert lines[1:] == [
        "seed 7 is kept, but not in select.seeds of small: the tables are without it",
        "protocol: docs/protocol.md has changed since seed 0 was kept",
    ]


def test_the_inputs_of_the_tables_are_those_of_kept_seeds_in_the_order_of_the_rule(tmp_path, monkeypatch):
    """A seed that is not kept is left out, a file that was not kept is named; what is of no seed is the project's."""
    monkeypatch.chdir(tmp_path)
    paths = {seed: f"results/evaluate_generation/small/set/seed{seed}/metrics.csv" for seed in ("0", "1", "2")}
    jobs = {
        seed: Planned("evaluate_generation", {"seed": seed}, Listed({}, "", [], [path]), {}, {}, [], "")
        for seed, path in paths.items()
    }
    paper, given, lost = "workflow/resources/paper_values.csv", "results/study/metrics.csv", "results/study/other.csv"
    shared = "results/study/shared.csv"
    named = {field.name: [] for field in fields(make_tables.Inputs)}
    named |= {"generation": [paths["1"], paths["2"], paths["0"]], "prompts": [given, shared, lost], "paper": [paper]}
    tables = Planned("make_tables", {}, Listed({}, "", [], []), named, {}, [], "")
    for path in (paper, given, shared):
        files.write_text(Path(path), path)
    for seed in ("0", "1"):
        folder = keep_seeds.folder_of("small", seed)
        files.write_text(folder / paths[seed], f"of seed {seed}")
        files.write_text(folder / shared, f"kept with seed {seed}")
        files.write_json(folder / keep_seeds.RECORDS, {str(Path(paths[seed]).with_name(record.NAME)): {"seed": seed}})
    place = tmp_path / "place"
    kept_tables.lay_out(place, "small", ["0", "1"])
    inputs, absent = kept_tables.given(jobs, tables, ["0", "1"], place)
    assert inputs.generation == (Path(paths["1"]), Path(paths["0"]))
    assert [(place / path).read_text() for path in inputs.generation] == ["of seed 1", "of seed 0"]
    assert files.read_json((place / paths["1"]).with_name(record.NAME)) == {"seed": "1"}
    assert (inputs.prompts, inputs.paper, inputs.maps) == ((Path(given), Path(shared)), Path(paper), ())
    assert [(place / path).read_text() for path in inputs.prompts] == [given, "kept with seed 1"]
    assert absent == [lost]
    assert {path.name for path in place.iterdir()} == {"results", "workflow"}  # nothing of how it was kept
    Path(paper).unlink()
    with pytest.raises(
        InputError, match=r"^workflow/resources/paper_values\.csv: no such file; it is part of the project$"
    ):
        kept_tables.given(jobs, tables, ["0"], tmp_path / "elsewhere")


def test_later_changes_of_params_and_code_are_told_with_their_number_of_jobs(tmp_path, monkeypatch):
    """Of records that name a module which is gone, and a number of another protocol."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(keep_seeds, "FOLDER", tmp_path)
    names = {"dataset": "fashion_mnist", "model": "ddpm", "seed": "0"}
    provenance = {
        "lineage": "",
        "code": {"no/such.py": "0123"},
        "inputs": {"a": "b"},
        "outputs": {"c": "d"},
        "machine": {},
    }
    records = {
        f"models/train_base/smoke/fashion_mnist/ddpm/seed{seed}/config.json": {"names": names, "steps": 123}
        | {PROVENANCE: provenance}
        for seed in (0, 1)
    }
    files.write_json(keep_seeds.folder_of("smoke", "0") / keep_seeds.RECORDS, records)
    lines = kept_tables.changed("smoke", ["0"])
    assert len(lines) == kept_tables.MOST + 1
    assert all(line.startswith("since a seed was kept: ") for line in lines)
    assert lines[-1].endswith(" more changes of params and code")
    monkeypatch.setattr(kept_tables, "MOST", 1000)
    lines = kept_tables.changed("smoke", ["0"])
    assert "since a seed was kept: params: train_base.steps was 123, is 8 (2 jobs)" in lines
    assert "since a seed was kept: code: no/such.py is gone (2 jobs)" in lines
    assert not [line for line in lines if "input:" in line or "output:" in line]


def test_seeds_of_unlike_code_are_told_with_the_modules(tmp_path, monkeypatch):
    """The protocol has such a seed run again."""
    monkeypatch.setattr(keep_seeds, "FOLDER", tmp_path)
    codes = {"0": ("a1", "b1"), "1": ("a1", "b1"), "2": ("a1", "b2")}
    for seed, (one, other) in codes.items():
        records = {"x/config.json": {PROVENANCE: {"code": {"a.py": one}}}}
        records["y/config.json"] = {PROVENANCE: {"code": {"a.py": one, "b.py": other}}}
        files.write_json(keep_seeds.folder_of("smoke", seed) / keep_seeds.RECORDS, records)
    assert list(kept_tables.of_one_code("smoke", ["0"])) == []
    assert list(kept_tables.of_one_code("smoke", ["0", "1"])) == [
        "code: the jobs behind all 2 seeds ran with the same 2 modules"
    ]
    assert list(kept_tables.of_one_code("smoke", ["0", "1", "2"])) == [
        "code: seed 2 ran with another b.py than seed 0: run it again as a whole"
    ]


def test_later_changes_are_one_line_of_the_page():
    told = ["small: tables of 6 seeds", "since a seed was kept: a (1 jobs)", "since a seed was kept: b (2 jobs)"]
    first, *rest = findings.in_short(told)
    assert (first, len(rest)) == (told[0], 1)
    assert rest[0].startswith("since a seed was kept: params or code of their jobs have changed; ")
    assert findings.in_short(told[:1]) == told[:1]


def test_the_page_of_findings_is_what_the_kept_seeds_say(monkeypatch):
    """`selfrefine evidence findings` would write just what stands there."""
    monkeypatch.chdir(ROOT)
    written = findings.pages("small")
    assert {path: path.read_bytes() for path in written} == written
    assert {findings.README, findings.PAGE} < written.keys()


@pytest.mark.parametrize("there", [0, 5])
def test_with_fewer_seeds_than_a_verdict_needs_the_page_says_only_so(there, tmp_path, monkeypatch, capsys):
    """No figure of a seed is shown before there are enough (docs/protocol.md): not one is read."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(keep_seeds, "FOLDER", tmp_path)
    monkeypatch.setattr(findings, "PAGE", tmp_path / "findings.md")
    for seed in range(there):
        files.write_text(keep_seeds.folder_of("small", str(seed)) / "about.json", "{}")
    evidence.run(argparse.Namespace(action="findings", experiment="small", out=None, dirty=False))
    assert f"{there} of the 6 seeds that a verdict needs are kept so far." in findings.PAGE.read_text()
    assert capsys.readouterr().out == f"{findings.PAGE}: written\n"
