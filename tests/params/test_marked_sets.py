"""Rows of `human_marks` that do not fit their layout or whose folders are not there are told in one line."""

import json
from pathlib import Path

import pytest

from selfrefine.data import user_files
from selfrefine.params import check, job_config, marked_sets
from tests.support.job_list import ROOT, job_list
from tests.support.wrong_params import line_about, project_params


def row(**leaves: object) -> dict[str, object]:
    return {"human_marks": {"mine": {"evaluate_human_marks": leaves}}}


WHOLE = {"layout": "folder", "folder": "src", "real": "src", "same_domain": True}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {"images": "downloads/x"},
            'images is "downloads/x"; allowed with the layout folder: "", since it has its own',
        ),
        ({"layout": "richhf"}, 'images is ""; allowed with the layout richhf: a folder of the images that it names'),
        ({"layout": "rich"}, 'layout is "rich"; did you mean richhf? known: folder, pal4vst, rapidata, richhf'),
        ({"marked_from": 0.0}, "marked_from is 0.0; allowed: a number, more than 0, at most 1"),
        ({"input_size": 100}, "input_size is 100; allowed: "),
        ({"same_domain": "yes"}, 'same_domain is "yes"; allowed: true or false'),
    ],
)
def test_a_row_that_does_not_fit_is_one_line(changed: dict[str, object], told: str) -> None:
    line = line_about(row(**WHOLE | changed))
    assert line is not None
    section = "evaluate_human_marks" if told.startswith('images is ""') else "human_marks.mine.evaluate_human_marks"
    assert told in line
    assert f"{section}." in line


def test_a_row_lacks_no_leaf() -> None:
    assert line_about(row(layout="folder", folder="src", real="src")) == (
        "params.yaml: evaluate_human_marks.same_domain is missing; looked for in the section evaluate_human_marks and "
        "human_marks.mine"
    )


@pytest.mark.parametrize("leaf", marked_sets.FOLDERS)
def test_folders_of_what_is_selected_must_be_there_unless_its_results_are(leaf: str, tmp_path: Path) -> None:
    given = WHOLE | {"layout": "richhf", "images": "src"} | {leaf: "downloads/nowhere"}
    params = job_config.merge(project_params(), row(**given))
    assert check.check(params, ROOT) is None, "not selected"
    params = job_config.merge(params, {"select": {"human_marks": ["mine"]}})
    assert check.check(params, ROOT) == (
        f"params.yaml: human_marks.mine.evaluate_human_marks.{leaf} is downloads/nowhere, which is no folder; put the "
        "files there, or name the folder that holds them"
    )
    made = tmp_path / "results/evaluate_human_marks/embedded/mine"
    made.mkdir(parents=True)
    assert list(marked_sets.missing(params, tmp_path))
    (made / "config.json").write_text(json.dumps({}))
    assert not list(marked_sets.missing(params, tmp_path))


def test_a_name_that_is_no_row_is_told() -> None:
    line = line_about({"select": {"human_marks": ["my_mark"]}})
    assert line is not None
    assert "select.human_marks names my_mark, which is no row of human_marks; did you mean my_marks?" in line


def test_nothing_is_selected_anywhere_and_a_selected_row_adds_its_job_alone() -> None:
    """And changes no config of another job: what a finished run has made stays up to date."""
    for path in (ROOT / "experiments").glob("*.yaml"):
        assert project_params(path.stem)["select"]["human_marks"] == []
    params = project_params()
    selected = job_config.merge(params, {"select": {"human_marks": ["my_marks", "richhf"]}})
    before, after = job_list(params), job_list(selected)
    assert [job.names for job in after if job not in before] == [
        (("human_mark", "my_marks"),),
        (("human_mark", "richhf"),),
    ]
    for job in before:
        assert job_config.job(params, job.stage, dict(job.names)) == job_config.job(
            selected, job.stage, dict(job.names)
        )


def test_the_folders_are_those_that_are_watched() -> None:
    assert user_files.SEVERAL == {marked_sets.STAGE: marked_sets.FOLDERS}
