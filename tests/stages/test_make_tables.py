"""Metrics, maps and configs of all runs in; tables as CSV and page, every difference drawn, and plain numbers, out."""

import dataclasses
import functools

import pandas as pd
import pytest

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.names import PROVENANCE
from selfrefine.report.tables import sweep
from selfrefine.stages.make_tables import run
from tests.support import tiny_tables
from tests.support.columns_page import PAGE, columns_of_files
from tests.support.tiny_metrics import (
    FD,
    PAPER,
    ROWS,
    line,
    of_models,
    published,
)
from tests.support.tiny_refined import refined


@pytest.fixture
def job(tmp_path):
    """Builds a job on the metrics of some seeds."""
    return functools.partial(tiny_tables.build, tmp_path)


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


def test_every_page_of_what_rests_on_a_flat_map_says_so(job):
    """Of 2 seeds of the only variant with a map one has none to speak of."""
    built = job()
    path = next(path for path in built.inputs.refreshes if len(files.read_table(path)))
    files.write_table(path, files.read_table(path).assign(mean=0.0, std=0.0))
    run(built)
    pages = {name: (path.parent / f"{name}.md").read_text() for name in tiny_tables.TABLES}
    told = "- Tiny DDPM on Shapes: the map was 0 everywhere, so that it steered nothing, in Both (2 of 4 refreshes)."
    assert [name for name, text in pages.items() if told not in text] == [
        "table7",
        "table_study",
    ]  # other maps, and people: none


@pytest.mark.parametrize("seeds", [1, 6])
def test_rows_that_the_paper_does_not_have_stand_in_their_own_tables(job, seeds):
    fd = FD | {"uniform": 9.5, "edge": 9.6}
    built = job(fd=fd, seeds=seeds)
    run(built)
    outputs = built.outputs
    assert set(files.read_table(outputs.table2_csv)["row"]) == {"baseline", "both", "fork", "floor"}
    assert "Uniform" not in outputs.table2_md.read_text()
    controls = files.read_table(outputs.controls_csv)
    assert {(row, other) for row, other in zip(controls["row"], controls["reference"], strict=True)} == {
        *((row, "baseline") for row in ("both", "uniform", "edge")),
        ("both", "uniform"),
    }
    assert set(controls["n_seeds"]) == {seeds}
    assert "not shown: " in outputs.controls_md.read_text()
    assert set(files.read_json(outputs.summary)["shapes"]["tiny"]) == {*fd, "highlighter"}


@pytest.mark.parametrize("seeds", [1, 6])
def test_scales_of_the_noise_stand_in_their_csv_and_on_both_pages(job, seeds):
    built = job(seeds=seeds, scaled=True)
    run(built)
    outputs = built.outputs
    assert len(files.read_table(outputs.noise_scale_csv)) == 2 * 5 * seeds
    controls = files.read_table(outputs.controls_csv)
    assert ("both_best", "baseline_best") in set(zip(controls["row"], controls["reference"], strict=True))
    assert "### Scale of the noise" in outputs.controls_md.read_text()
    assert "its FD to training photographs is least with its noise x 1.027" in outputs.table2_md.read_text()


@pytest.mark.parametrize(("people", "told"), [(None, "No study runs"), (0, "**No participants yet.**"), (15, "| 0.5")])
def test_what_people_pick_stands_in_its_table(job, people, told):
    built = job(people=people)
    run(built)
    table = files.read_table(built.outputs.table_study_csv)
    assert len(table) == {None: 0, 0: 4}.get(people, len(table))
    assert told in built.outputs.table_study_md.read_text()


def test_every_table_has_the_columns_that_the_page_of_results_names(job):
    built = job(fd=FD | {"uniform": 9.5}, latent=True)
    run(built)
    paths = [path for path in vars(built.outputs).values() if path.suffix == ".csv"]
    named = columns_of_files(PAGE.read_text(encoding="utf-8"))
    assert {path.name for path in paths} == {name for name in named if "/" not in name}
    for path in paths:
        assert list(files.read_table(path).columns) == named[path.name], path.name


def test_the_papers_rows_alone_leave_files_that_say_so(job):
    run(job())
    outputs = job().outputs
    assert list(files.read_table(outputs.controls_csv)["row"].unique()) == ["both"]
    assert files.read_table(outputs.noise_scale_csv).empty
    assert "No control is selected" in outputs.controls_md.read_text()
    assert len(files.read_table(outputs.table7_csv)) == 0
    assert "No other map of Table 7 is selected" in outputs.table7_md.read_text()
    assert outputs.forest.stat().st_size > 10_000


def test_every_other_table_is_written(job):
    built = job(fd=FD | {"uniform": 9.5})
    files.write_table(built.inputs.paper, pd.DataFrame([*PAPER, published("table3", "both", "fid", 9.093)]))
    run(built)
    outputs = built.outputs
    assert list(files.read_table(outputs.table3_csv)["row"]) == ["baseline", "both"] * 2
    assert set(files.read_table(outputs.table6_csv)["metric"]) >= {"accuracy", "f1", "roc_auc", "hit_cell_difference"}
    assert "## Tiny DDPM on Shapes" in outputs.table6_md.read_text()
    assert set(files.read_table(outputs.table4_csv)["row"]) == {"baseline", "self_refining", "photographs"}
    assert "## Tiny DDPM on Shapes" in outputs.table4_md.read_text()
    assert {"r", "r_first"} <= set(files.read_table(outputs.maps_csv)["metric"])
    assert set(files.read_table(outputs.strength_csv)["row"]) == {"both", "uniform"}
    assert outputs.strength.stat().st_size > 10_000


def test_a_first_stage_stands_under_table_1(job):
    built = job(latent=True)
    run(built)
    outputs = built.outputs
    assert list(files.read_table(outputs.autoencoder_csv)["metric"]) == ["psnr", "ssim", "codes_used"]
    text = outputs.table1_md.read_text()
    assert text.index("# Table 1") < text.index("## First stages")
    assert "31.50 [30.50, 32.50]" in text


def test_without_sweep_rows_the_sweep_says_why(job):
    run(job())
    outputs = job().outputs
    assert len(files.read_table(outputs.sweep_csv)) == 0
    assert sweep.NONE_SELECTED in outputs.sweep_md.read_text()
    assert "## First stages" not in outputs.table1_md.read_text()
    assert outputs.sweep.stat().st_size > 1000


def test_a_row_with_another_weight_is_swept(job):
    built = job(fd=FD | {"forward": 9.2})
    for path in built.inputs.refined:
        leaves = files.read_json(path)
        if leaves["names"]["variant"] == "forward":  # as the row both, but for its weight
            files.write_json(path, leaves | {"reverse": "kv", "forward_weight": 0.1})
    run(built)
    table = files.read_table(built.outputs.sweep_csv)
    assert set(zip(table["factor"], table["row"], strict=True)) == {
        ("forward_weight", "both"),
        ("forward_weight", "forward"),
    }
    assert "### Forward weight" in built.outputs.sweep_md.read_text()
    assert built.outputs.sweep.stat().st_size > 10_000


TWO_MODELS = ROWS | {
    "datasets": {
        "shapes": ROWS["datasets"]["shapes"]
        | {"models": {"tiny": {"steps": [600, 1500]}, "uvit": {"steps": [60, 150]}}},
    },
    "models": ROWS["models"] | {"uvit": {"title": "U-ViT", "self_refining": "both", "home": "shapes"}},
    "variants": {row: {"title": row.capitalize()} for row in FD},
}


def test_a_second_model_stands_in_table_1_and_changes_no_table_of_the_first(job):
    select = {"datasets": ["shapes"], "variants": ["baseline", "both"], "seeds": [0, 1]}
    confirmatory = (("both", "baseline"),)
    run(job(rows=TWO_MODELS, select=select | {"models": ["tiny"]}, confirmatory=confirmatory))
    outputs = job().outputs
    of_first = [path for name, path in vars(outputs).items() if name[:6] not in ("table1", "summar")]
    alone = {path: path.read_bytes() for path in of_first}
    families = files.read_table(outputs.table1_csv).set_index(["network", "model", "row"])
    theirs = [found for found in of_models(["tiny", "uvit"], FD, 2) if found["model"] == "uvit"]
    built = job(theirs, rows=TWO_MODELS, select=select | {"models": ["tiny", "uvit"]}, confirmatory=confirmatory)
    (uniform,) = refined(["uniform"])  # a control that the first model has not
    config = built.inputs.refined[0].with_name("uvit.json")
    files.write_json(config, uniform.named(model="uvit").config)
    refreshes = (*built.inputs.refreshes, built.inputs.refreshes[-1])
    inputs = dataclasses.replace(built.inputs, refined=(*built.inputs.refined, config), refreshes=refreshes)
    run(dataclasses.replace(built, inputs=inputs))
    assert {path.name for path in of_first if path.read_bytes() != alone[path]} == set()
    both = files.read_table(outputs.table1_csv).set_index(["network", "model", "row"])
    pd.testing.assert_frame_equal(both.xs("tiny", level="model"), families.xs("tiny", level="model"), check_dtype=False)
    assert list(both.loc[("vgg16_conv5_gap", "uvit"), "value"]) == pytest.approx([20.1, 18.09])
    assert "- Experiment smoke: U-ViT on Shapes" in outputs.table1_md.read_text()
    assert files.read_json(outputs.summary)["shapes"]["uvit"]["both"]["vgg16_conv5_gap"]["fd_test"] > 18.0


def test_without_compared_maps_their_page_says_so(job):
    built = job()
    inputs = dataclasses.replace(built.inputs, maps=(), correlations=())
    run(dataclasses.replace(built, inputs=inputs))
    assert set(files.read_table(built.outputs.maps_csv)["metric"]) <= {"r_first", "r_first_least"}


def test_table_7_has_the_papers_figures(job):
    built = job(fd=FD | {"edge": 9.6})
    seven = [published("table7", "edge", "fid", 8.739), published("table7", "both", "fid", 8.369)]
    files.write_table(built.inputs.paper, pd.DataFrame([*PAPER, *seven]))
    run(built)
    table = files.read_table(built.outputs.table7_csv)
    assert list(table["paper"]) == [8.369, 8.739] * 2


def test_equal_metrics_are_equal_bytes(job):
    run(job())
    before = [files.sha256(path) for path in vars(job().outputs).values()]
    run(job())
    assert [files.sha256(path) for path in vars(job().outputs).values()] == before


def test_a_data_set_of_nobodys_paper_has_no_figures_beside(job):
    row = {name: value for name, value in ROWS["datasets"]["shapes"].items() if name != "stands_for"}
    run(job(rows=ROWS | {"datasets": {"shapes": row}}))
    assert files.read_table(job().outputs.table2_csv)["paper"].isna().all()
    text = job().outputs.table2_md.read_text()
    assert "in the place of" not in text
    assert "8.369" not in text


@pytest.mark.parametrize(
    ("extra", "changes", "message"),
    [
        ((), {"primary_network": "inception"}, "primary_network is 'inception'; measured: alexnet_conv5_gap, vgg16"),
        ((), {"reference": "uniform"}, "reference is 'uniform', but the rows were compared with baseline"),
        ([line("late", "fd_test", 1.0, n_images=50)], {}, "rows of 100 and 50 images on the data set shapes"),
    ],
)
def test_metrics_that_do_not_fit_are_one_line(job, extra, changes, message):
    with pytest.raises(InputError, match=message) as error:
        run(job(extra, **changes))
    assert "\n" not in str(error.value)
    assert not job().outputs.table2_csv.exists()


def test_tables_of_unlike_machines_say_so(job):
    built = job()
    folder = built.inputs.paper.parent
    (folder / "base").mkdir()
    one = {"torch": "2.9.1", "precision": "float32"}
    files.write_json(folder / "base" / "config.json", {PROVENANCE: {"machine": one | {"precision": "bfloat16"}}})
    before = {"machine": one, "inputs": {str(folder / "base" / "state.safetensors"): "0"}}
    files.write_json(folder / "config.json", {PROVENANCE: before})  # beside the metrics
    run(built)
    pages = [path for path in vars(built.outputs).values() if path.suffix == ".md"]
    assert len(pages) == 11
    assert all("- precision: bfloat16 (1 job), float32 (1 job)." in page.read_text() for page in pages)
    assert files.read_json(built.outputs.summary)["unlike machines"] == {"precision": 2}
