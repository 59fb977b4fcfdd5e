"""Rows of `studies`: which run, whose images they show, and one line about each value that does not fit."""

import pytest

from selfrefine.data import user_files
from selfrefine.params import check, job_config
from tests.support.wrong_params import ROOT, at, line_about, project_params

PARAMS = project_params()


def studies(changed):
    return job_config.selected(job_config.merge(PARAMS, changed), "studies")


@pytest.mark.parametrize(
    ("changed", "running"),
    [
        ({}, ["garments"]),
        (at("select.studies", []), []),
        (at("select.models", ["improved_ddpm"]), []),
        (at("select.datasets", ["fashion_mnist_tops"]), []),
        (at("studies.garments.dataset", "fashion_mnist_32"), []),  # which DDPM does not run on
        (at("studies.garments.model", "uvit"), ["garments"]),
    ],
)
def test_a_study_runs_where_its_model_does(changed, running):
    assert studies(changed) == running


def test_it_is_of_the_first_seed_of_its_model_and_the_highlighters_that_run_there():
    config = job_config.job(PARAMS, "prepare_study", {"study": "garments"})
    assert config["run"] == {"dataset": "fashion_mnist", "model": "ddpm", "seed": str(PARAMS["select"]["seeds"][0])}
    assert config["highlighters"] == ["flaw", "second"]
    one = job_config.merge(PARAMS, at("studies.garments.model", "uvit"))
    assert job_config.job(one, "prepare_study", {"study": "garments"})["highlighters"] == ["flaw"]


def test_a_row_has_numbers_of_its_own():
    own = job_config.merge(PARAMS, at("studies.garments.prepare_study.n_generated", 12))
    assert job_config.job(own, "prepare_study", {"study": "garments"})["n_generated"] == 12


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("select.studies", ["faces"], "select.studies names faces, which is no row of studies"),
        ("studies.garments.dataset", "fashion", "is fashion, which is no row of datasets; did you mean fashion_mnist?"),
        ("studies.garments.model", "ddmp", "is ddmp, which is no row of models; did you mean ddpm?"),
        (
            "prepare_study.grid",
            5,
            "prepare_study.grid is 5; allowed: a divisor of the side of the images, which is 16 px",
        ),
        ("prepare_study.patch_share", 0.01, "prepare_study.patch_share is 0.01; allowed: at least 1 px of 16"),
        ("prepare_study.n_repeats", 25, "n_repeats is 25; allowed: at most prepare_study.n_generated, which is 24"),
        ("prepare_study.n_generated", 129, "is 129; allowed: at most 128, the fakes that no highlighter learns from"),
        ("prepare_study.consent", "own.html", "prepare_study.consent is own.html, which is no file"),
        ("evaluate_study.answers", "answers", "evaluate_study.answers is answers, which is no folder"),
        ("evaluate_study.catch_share", 0.0, "evaluate_study.catch_share is 0.0; allowed: a number, more than 0"),
        (
            "studies",
            {"ddpm": PARAMS["studies"]["garments"]},
            "studies.ddpm is a row of models, too; choose another name",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(key, value, told):
    line = line_about(at(key, value))
    assert line is not None
    assert told in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("most", "there", "allowed"),
    [(1005, 2000, "allowed: at most max_images, which is 1005"), (60000, 999, "allowed: at most 999, the images that")],
)
def test_more_photographs_than_the_test_split_may_have_or_has_are_told_before_the_first_job(most, there, allowed):
    many = at("prepare_study.n_real", 1000) | at("datasets.fashion_mnist.prepare_data.max_images", most)
    found = {"train": 60000, "test": there, "classes": 10}
    line = check.check(job_config.merge(PARAMS, many), ROOT, count=lambda prepared: found)
    assert (
        line
        == f"params.yaml: prepare_study.n_real makes 1006 photographs with n_catch and n_practice; {allowed}"
        + (" fashion_mnist has for test" if there == 999 else "")
    )


def test_a_folder_of_answers_counts_by_content(tmp_path):
    config = {"answers": str(tmp_path)}
    before = user_files.watched("evaluate_study", config, tmp_path / "config.json")
    (tmp_path / f"{'0' * 32}.jsonl").write_text("{}\n")
    assert user_files.watched("evaluate_study", config, tmp_path / "config.json") != before
    assert user_files.watched("evaluate_study", {"answers": ""}, tmp_path / "config.json") == {"answers": ""}
