"""Marks of people are a part of the workflow that nothing else reads, for who has the folders."""

import re
from pathlib import Path

import pytest

from tests.support.dvc_record import RECORD
from tests.support.job_list import ROOT, rules_text
from tests.support.project import Project


@pytest.mark.slow
def test_a_selected_row_needs_its_folders_and_weights_and_nothing_of_the_run(tmp_path: Path) -> None:
    for name in ("marked", "photographs"):
        (tmp_path / name).mkdir()
    row = f"my_marks: {{evaluate_human_marks: {{folder: {tmp_path}/marked, real: {tmp_path}/photographs}}}}"
    asked = f"--config 'select={{human_marks: [my_marks]}}' 'human_marks={{{row}}}'"
    told = Project(ROOT).run(f"snakemake -n --forceall all_evaluate_human_marks {asked}")
    assert re.findall(r"^(?:local)?rule (\w+):$", told, re.MULTILINE) == [
        *("fetch_weights", "evaluate_human_marks", "all_evaluate_human_marks")
    ]
    assert "models/fetch_weights/vgg16/weights.safetensors" in told
    assert "results/evaluate_human_marks/embedded/my_marks/table_human_marks.csv" in told


def test_the_edges_of_dvc_are_those_of_the_rule() -> None:
    """`test_dvc.py` holds those of all other stages against the jobs of smoke, which has none of this one."""
    read = re.findall(
        r'^        \w+="((?:data|models|results)/\w+)/',
        rules_text("evaluate_human_marks").partition("output:")[0],
        re.MULTILINE,
    )
    assert RECORD["evaluate_human_marks"]["deps"][1:] == read == ["models/fetch_weights"]
    readers = [
        stage for stage, found in RECORD.items() if any("evaluate_human_marks" in path for path in found["deps"][1:])
    ]
    assert readers == []
