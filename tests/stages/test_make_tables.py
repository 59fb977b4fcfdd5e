"""Tidy metrics in; Table 2 as CSV and page, and its plain numbers, out."""

import pandas as pd
import pytest

from selfrefine import files
from selfrefine.errors import InputError
from selfrefine.runtime import Job
from selfrefine.stages.make_tables import Config, Inputs, Outputs, run
from tests.tiny_metrics import FD, PAPER, ROWS, generation, highlighter, line


@pytest.fixture
def job(tmp_path):
    """A job on the metrics of two seeds, each in its file; `changes` replace leaves of its config."""

    def build(extra=(), **changes):
        paths = {}
        for name, lines in {"generation": [*generation(FD, 2), *extra], "highlighter": highlighter(2)}.items():
            paths[name] = (tmp_path / f"{name}0.csv", tmp_path / f"{name}1.csv")
            for seed, path in enumerate(paths[name]):
                files.write_table(path, pd.DataFrame([line for line in lines if line["seed"] == seed]))
        files.write_table(tmp_path / "paper_values.csv", pd.DataFrame(PAPER))
        values = {
            "names": {},
            "experiment": "smoke",
            "select": {"seeds": [0, 1]},
            "rows": ROWS,
            "primary_network": "vgg16_conv5_gap",
            "reference": "baseline",
            "equivalence_margin": 0.017,
            "minimum_seeds": 6,
            "confirmatory": (),
        }
        inputs = Inputs(paths["generation"], paths["highlighter"], tmp_path / "paper_values.csv")
        outputs = Outputs(*(tmp_path / name for name in ("table2.csv", "table2.md", "summary.json")))
        return Job("make_tables", Config(**values | changes), inputs, outputs)

    return build


def test_tables_are_written(job):
    run(job())
    table = files.read_table(job().outputs.table2_csv)
    assert set(table["row"]) == {*FD}
    assert set(table["n_seeds"]) == {2}
    headline = table[(table["row"] == "both") & (table["metric"] == "fd_test")]
    assert list(headline["paper"]) == [8.369, 8.369]
    assert list(headline["verdict"]) == ["not assessed", "not assessed"]
    assert "# Table 2" in job().outputs.table2_md.read_text()
    tree = files.read_json(job().outputs.summary)
    assert tree["shapes"]["tiny"]["both"]["vgg16_conv5_gap"]["fd_test"] == pytest.approx(9.045)


def test_equal_metrics_are_equal_bytes(job):
    run(job())
    before = [files.sha256(path) for path in vars(job().outputs).values()]
    run(job())
    assert [files.sha256(path) for path in vars(job().outputs).values()] == before


def test_a_data_set_of_nobodys_paper_has_no_figures_beside(job):
    rows = ROWS | {"datasets": {"shapes": {"title": "Shapes"}}}
    run(job(rows=rows))
    assert files.read_table(job().outputs.table2_csv)["paper"].isna().all()
    text = job().outputs.table2_md.read_text()
    assert "in the place of" not in text
    assert "8.369" not in text


@pytest.mark.parametrize(
    ("extra", "changes", "told"),
    [
        ((), {"primary_network": "inception"}, "primary_network is 'inception'; measured: alexnet_conv5_gap, vgg16"),
        ((), {"reference": "uniform"}, "reference is 'uniform', but the rows were compared with baseline"),
        ([line("late", "fd_test", 1.0, n_images=50)], {}, "rows of 50 and 100 images in one table"),
    ],
)
def test_metrics_that_do_not_fit_are_one_line(job, extra, changes, told):
    with pytest.raises(InputError, match=told) as error:
        run(job(extra, **changes))
    assert "\n" not in str(error.value)
    assert not job().outputs.table2_csv.exists()
