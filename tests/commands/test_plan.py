"""The command, on the project as it stands: words, file, refusals."""

import re
import shutil
from pathlib import Path

import pytest

from selfrefine.commands import main, plan
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.cost import machine_rates
from selfrefine.params import experiment, job_config
from tests.support.command import refused, words

ROOT = Path(__file__).resolve().parents[2]
START = (2.0, 500 * 2**20)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """A start of known length: that of a real process is tested beside `machine_rates`."""
    monkeypatch.setattr(machine_rates, "start", lambda: START)
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def smoke():
    return job_config.merge(experiment.read_params(ROOT, "smoke")[0], {"select": {"models": ["ddpm"]}})


def test_the_plan_at_a_given_rate_in_words_and_as_a_file(tmp_path, capsys):
    main.main(words("plan", experiment="smoke", tflops=0.5, csv=tmp_path / "plan.csv"))
    told, written = capsys.readouterr().out, files.read_table(tmp_path / "plan.csv")
    assert "Plan of experiment smoke, at 0.5 TFLOP/s" in told
    for line in written.to_dict("records"):
        assert re.search(rf"^{line['stage']} +{line['jobs']} ", told, re.MULTILINE)
        assert line["start_seconds"] == 2.0 * line["jobs"]
        assert line["work_seconds"] == pytest.approx(line["flops"] / 0.5e12)
    assert re.search(r"^Shared: \d+ base models? behind \d+ refinements", told, re.MULTILINE)
    assert "Days of one GPU" not in told  # of networks that were measured on none
    assert "recorded" not in re.search(r"^stage .*$", told, re.MULTILINE)[0] or (ROOT / "benchmarks").is_dir()


def test_the_plan_of_networks_at_the_papers_scale_has_days_of_gpus_for_each_table(capsys):
    chosen = {"datasets": ["celeba_hq_64"], "models": ["uvit"], "seeds": [0]}
    plan.plan(ROOT, job_config.merge(experiment.read_params(ROOT, "paper")[0], {"select": chosen}), 100.0, 0.0)
    told = capsys.readouterr().out
    assert re.search(r"^ +jobs +FLOPs +only here +RTX 4090 +A100 80 GB +H100 80 GB$", told, re.MULTILINE)
    days = r"( +\d+\.\d){3}$"
    assert re.search(rf"^table1 +\d+ +[\d.]+ E +.*{days}", told, re.MULTILINE)
    assert re.search(rf"^together +\d+ +[\d.]+ E +[\d.]+ E{days}", told, re.MULTILINE)
    assert "`snakemake all_table1 --cores 1`" in told


def test_a_measured_plan_has_times_of_every_stage_that_computes(smoke, monkeypatch):
    monkeypatch.setattr(machine_rates, "LARGEST", 1e9)
    monkeypatch.setattr(machine_rates, "FEWEST", 1)
    found = plan.plan(ROOT, smoke, None, 0.0)
    assert list(found["work_seconds"] > 0.0) == list(found["flops"] > 0)
    assert set(found["stage"]) > {"train_base", "train_refined", "make_tables"}


def test_a_machine_with_other_programs_is_told_and_measured(smoke, monkeypatch, capsys):
    monkeypatch.setattr(machine_rates, "LARGEST", 1e9)
    monkeypatch.setattr(machine_rates, "FEWEST", 1)
    monkeypatch.setattr(plan.os, "getloadavg", lambda: (1.0, 1.0, 1.0))
    assert len(plan.plan(ROOT, smoke, None, 0.0))
    assert (
        "plan: other programs run here (load 1.0): it goes on, but hours may come out too long"
        in capsys.readouterr().err
    )


def test_a_folder_that_is_not_there_is_no_reason_not_to_plan(tmp_path):
    for name in ("experiments", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Snakefile", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "experiments" / "mine.yaml").write_text("select: {datasets: [my_images]}\n")
    values, (absent,) = experiment.read_params(tmp_path, "mine")
    assert values["select"]["datasets"] == ["my_images"]
    assert absent.startswith("datasets.my_images.prepare_data.folder is downloads/my_images, which is no folder")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"experiment": "smok"}, "smok is no file of experiments/; did you mean smoke?"),
        ({"tflops": 0}, "--tflops: 0 given; allowed: numbers above 0"),
        ({"tflops": "nan"}, "--tflops: nan given; allowed: numbers above 0"),
    ],
)
def test_what_is_wrong_is_one_line(options, message, capsys):
    assert refused(words("plan", **options), capsys).startswith(f"selfrefine plan: {message}")


def test_wrong_params_are_refused(tmp_path):
    for name in ("experiments", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text.replace("  batch_size: 32 ", "  batchsize: 32 ", 1))
    with pytest.raises(InputError, match=r"train_base\.batchsize is not known"):
        experiment.read_params(tmp_path, "embedded")
