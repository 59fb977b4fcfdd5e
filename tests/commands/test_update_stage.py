"""The list of a stage held against records: whatever no longer follows from it is found, and nothing else."""

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from selfrefine.commands import list_jobs, listed_jobs, update_stage
from selfrefine.commands.listed_jobs import Listed
from selfrefine.core import files, record
from selfrefine.core.errors import InputError
from selfrefine.core.names import CONTENTS
from selfrefine.data import user_files

ROOT = Path(__file__).resolve().parents[2]
STAGE = "generate_fakes"
BASE = Path("models/train_base/smoke/fashion_mnist/ddpm/seed0")
FAKES = Path("data/generate_fakes/smoke/fashion_mnist/ddpm/seed0")
WEIGHTS, PIPELINE, IMAGES = Path("downloads/weights"), BASE / "pipeline.json", FAKES / "images.npy"
RECORD = str(FAKES / record.NAME)
JOB = Listed({"n_images": 32}, "0123456789abcdef", [str(PIPELINE), str(WEIGHTS)], [str(IMAGES), RECORD])


def make(folder: Path, config: dict, inputs: list[Path], output: Path, code: str = JOB.code) -> None:
    """Writes what a job would have, and its record."""
    files.write_text(output, "made")
    given = record.check(inputs)
    lineage = record.lineage(config, code, record.origins(given))
    record.write(folder / record.NAME, config, {"core/files.py": code}, given, [output], lineage)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder in which a base model was trained, and its images made, of a given file, too; their list."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "experiments", "experiments")
    Path("params.yaml").write_text("experiment: smoke\n")
    files.write_text(WEIGHTS, "given")
    make(BASE, {"steps": 8}, [], PIPELINE)
    make(FAKES, JOB.config, [PIPELINE, WEIGHTS], IMAGES)
    listed_jobs.write(listed_jobs.FOLDER / "smoke", {STAGE: {RECORD: JOB}, "inpaint_images": {}})


def test_what_follows_from_the_list_is_up_to_date():
    assert listed_jobs.read(STAGE) == {RECORD: JOB}
    assert listed_jobs.changed(STAGE, {RECORD: JOB}) is None
    assert listed_jobs.changed("inpaint_images", listed_jobs.read("inpaint_images")) is None


@pytest.mark.parametrize(
    "job",
    [
        JOB._replace(config={"n_images": 64}),
        JOB._replace(config={**JOB.config, "steps": 8}),
        JOB._replace(code="0" * 16),
        JOB._replace(inputs=JOB.inputs[:1]),
        JOB._replace(inputs=[*JOB.inputs, "params.yaml"]),
        JOB._replace(inputs=[*JOB.inputs, "gone"]),
        JOB._replace(outputs=[*JOB.outputs, str(FAKES / "more.npy")]),
        JOB._replace(outputs=[RECORD]),
    ],
)
def test_another_list_is_found(job: Listed):
    assert listed_jobs.changed(STAGE, {RECORD: job}) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        lambda: IMAGES.unlink(),
        lambda: IMAGES.write_text("Made"),
        lambda: Path(RECORD).unlink(),
        lambda: Path(RECORD).write_text(Path(RECORD).read_text()[:-40]),
        lambda: WEIGHTS.write_text("Given"),
        lambda: WEIGHTS.unlink(),
        lambda: make(BASE, {"steps": 9}, [], PIPELINE),  # the same bytes of other params
        lambda: make(BASE, {"steps": 8}, [], PIPELINE, "0" * 16),
        lambda: shutil.rmtree(BASE),
    ],
)
def test_another_file_is_found(change: Callable[[], object]):
    change()
    assert listed_jobs.changed(STAGE, {RECORD: JOB}) == RECORD


def test_a_job_that_is_new_is_found_among_others():
    new = str(FAKES.with_name("seed1") / record.NAME)
    assert listed_jobs.changed(STAGE, {RECORD: JOB, new: JOB}) == new


def test_a_folder_of_the_user_counts_by_what_it_holds_now_and_stands_in_no_list():
    images, made = Path("photographs/a.png"), Path("data/prepare_data/smoke/mine")
    files.write_bytes(images, b"one")
    config = {"folder": "photographs"}
    given = user_files.watched("prepare_data", config, made / record.NAME)
    assert listed_jobs.without_contents(given) == config != given
    assert given[CONTENTS]
    make(made, given, [], made / "images.npy")
    jobs = {str(made / record.NAME): Listed(config, JOB.code, [], [str(made / "images.npy"), str(made / record.NAME)])}
    assert listed_jobs.changed("prepare_data", jobs) is None
    files.write_bytes(images, b"other")
    assert listed_jobs.changed("prepare_data", jobs) is not None


def update(stage: str) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser()
    update_stage.add_arguments(parser)
    update_stage.run(parser.parse_args([stage]))


def test_snakemake_is_not_started_where_nothing_is_to_be_done(capsys: pytest.CaptureFixture[str]):
    """There is no Snakefile here: it could not be."""
    update(STAGE)
    assert capsys.readouterr().out == f"{STAGE}: the records say that nothing is to be done\n"


def test_what_snakemake_then_makes_of_other_params_is_refused(monkeypatch: pytest.MonkeyPatch):
    """Somebody edits them between the list and the run."""
    monkeypatch.setattr(update_stage, "_snakemake", lambda _: make(FAKES, {"n_images": 9}, [PIPELINE, WEIGHTS], IMAGES))
    IMAGES.unlink()
    with pytest.raises(InputError, match=rf"^{RECORD}: not of the listed job; .* say `dvc repro` again$"):
        update(STAGE)


def test_what_is_missing_is_one_line():
    with pytest.raises(InputError, match=r"^results/list_jobs/smoke/nothing\.json: no such list of jobs; "):
        update("nothing")
    with pytest.raises(InputError, match=r"^workflow/rules: no such folder; "):
        list_jobs.run(argparse.Namespace())
    Path("params.yaml").write_text("experiment: smok; touch MADE\n")
    with pytest.raises(InputError, match=r"is no file of experiments/"):
        update(STAGE)
