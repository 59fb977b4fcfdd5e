"""What is known of jobs before they have run here."""

import pytest

from selfrefine.params import measured_jobs

LINES = "experiment,stage,mib,seconds\nembedded,train_base,800,36.5\nembedded,make_tables,400,7\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / measured_jobs.FILE).parent.mkdir(parents=True)
    (tmp_path / measured_jobs.FILE).write_text(LINES)
    return tmp_path


def test_memory_has_a_margin_and_a_stage_that_was_not_measured_an_amount(root):
    assert measured_jobs.mib("train_base", root) == 1000
    assert measured_jobs.mib("new_stage", root) == measured_jobs.mib("new_stage", root / "nowhere") == 1875


def test_times_are_those_of_the_same_experiment(root):
    assert measured_jobs.seconds("embedded", root) == {"train_base": 36.5, "make_tables": 7.0}
    assert measured_jobs.seconds("paper", root) == {}
    assert measured_jobs.seconds("embedded", root / "nowhere") == {}
