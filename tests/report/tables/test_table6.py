"""Table 6: the paper's scores beside ours, what the highlighter may go by, whether its maps find planted flaws."""

import math

import pytest

from selfrefine.metrics import intervals
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import table6
from tests.support.tiny_results import REAL_PAPER, table_cells
from tests.support.tiny_table6 import FAMILIES, STANDS_FOR, metrics, page_of, results


def table(*args, **options):
    return records(table6.lines(results(metrics(*args, **options))))


def by(lines, dataset="garments", row="flaw"):
    return {line["metric"]: line for line in lines if (line["dataset"], line["row"]) == (dataset, row)}


@pytest.mark.parametrize(
    ("dataset", "figures"),
    [("garments", (0.991, 0.991, 1.0)), ("shoes", (0.900, 0.900, 0.966)), ("own", [math.nan] * 3)],
)
def test_the_papers_figures_stand_beside_the_highlighter_of_the_paper_alone(dataset, figures):
    lines = table(tuple(STANDS_FOR))
    printed = [by(lines, dataset)[metric]["paper"] for metric in ("accuracy", "f1", "roc_auc")]
    assert printed == pytest.approx(figures, nan_ok=True)
    assert math.isnan(by(lines, dataset)["hit_cell_difference"]["paper"])
    assert all(math.isnan(line["paper"]) for line in by(lines, dataset, "label_shuffled").values())


@pytest.mark.parametrize(
    ("model", "figures"),
    [
        ("ddpm", (0.991, 0.991, 1.0)),  # 128 px
        ("improved_ddpm", (0.991, 0.991, 1.0)),
        ("uvit", (0.794, 0.795, 0.875)),  # 64 px
        ("ldm", (0.990, 0.990, 0.999)),  # 256 px
    ],
)
def test_every_family_stands_beside_the_papers_row_of_its_size(model, figures):
    """All families in one table, each with its own highlighter."""
    measured = [line for number, name in enumerate(FAMILIES) for line in metrics(seeds=(number,), model=name)]
    part = [line for line in records(table6.lines(results(measured))) if line["model"] == model]
    found = by(part)
    assert [found[metric]["paper"] for metric in ("accuracy", "f1", "roc_auc")] == list(figures)
    assert found["accuracy"]["value"] == pytest.approx(0.9 + 0.01 * FAMILIES.index(model))
    (scale,) = {line["scale"] for line in part}
    assert scale.startswith(f"Experiment smoke: {model.upper()} on Garments")
    section = page_of(measured).split(f"## {model.upper()} on Garments")[1].split("\n## ")[0]
    assert cells(section, "Paper")[1:4] == [f"{value:.3f}" for value in figures]


def test_a_family_has_no_figures_of_the_papers_other_data_sets():
    assert all(math.isnan(line["paper"]) for line in table(("shoes",), model="uvit"))


def test_all_that_the_paper_prints_of_the_three_data_sets_is_known():
    printed = REAL_PAPER[(REAL_PAPER["table"] == "table6") & (REAL_PAPER["row"] == "ddpm")]
    known = printed.set_index(["dataset", "metric"])["value"]
    assert len(known) == 9
    assert known["flowers", "accuracy"] == 0.882
    assert known["flowers", "f1"] == 0.880
    assert known["flowers", "roc_auc"] == 0.993


def test_one_seed_has_its_interval_over_images_and_several_over_seeds():
    one, several = by(table())["accuracy"], by(table(seeds=(0, 1, 2)))["accuracy"]
    assert (one["value"], one["low"], one["high"], one["n_seeds"]) == pytest.approx((0.9, 0.88, 0.92, 1))
    assert (several["low"], several["high"]) == pytest.approx(intervals.over_seeds([0.9, 0.91, 0.92]))
    assert (several["value"], several["n_seeds"]) == (pytest.approx(0.91), 3)


def test_the_columns():
    lines = table()
    assert list(lines[0]) == table6.COLUMNS
    assert {line["n_images"] for line in lines} == {204, 102, 128}
    place = "DDPM on Garments in the place of the paper's CelebA-HQ"
    assert {line["scale"] for line in lines} == {f"Experiment smoke: {place}, 1 seed"}


def cells(page, title):
    """The texts of the row of a Markdown table."""
    (row,) = [row for row in table_cells(page, title) if row[0] == title]
    return row


def test_the_page_shows_every_highlighter_under_the_paper():
    page = page_of(metrics())
    assert cells(page, "Paper")[1:] == ["0.991", "0.991", "1.000", "-", "-"]
    assert cells(page, "Flaw highlighter")[1] == "0.900 [0.880, 0.920]"
    assert cells(page, "Flaw highlighter")[3] == "0.950 [0.930, 0.970]"
    assert cells(page, "Shuffled labels")[-1] == "204"
    assert "interval over the images of its one seed" in page
    assert "interval over seeds" in page_of(metrics(seeds=(0, 1)))


def test_the_page_shows_every_kind_of_patch_and_what_guessing_reaches():
    page, found = page_of(metrics()), by(table())
    assert cells(page, "Three cells at random")[1] == "0.062"
    assert cells(page, "Piece of a generated image")[2].startswith(f"{found['hit_any_fake_splice']['value']:.3f} [")
    assert cells(page, "**Generated less real**")[1].startswith(f"{found['hit_cell_difference']['value']:+.3f} [")
    assert cells(page, "Blurred")[3].startswith("1.00 [")
    assert cells(page, "For comparison: whole generated images")[1:] == ["-", "-", "0.98 [0.95, 0.99]"]
    assert "a seam alone gives a patch away" in page
    assert "128 images of each kind" in page


def test_a_data_set_without_the_papers_figures_and_without_the_unguarded_row():
    page = page_of(metrics(("own",), rows=("flaw",)))
    assert "| Paper" not in page
    assert "with and without guard" not in page
    assert "## DDPM on Own" in page


def test_the_correlation_with_the_unguarded_map_is_shown_where_it_was_measured():
    line = metrics()[0] | {"metric": "guard_correlation", "value": 0.5, "low": 0.4, "high": 0.6}
    page = page_of([*metrics(), line])
    assert cells(page, "Correlation of maps with and without guard")[1] == "0.500 [0.400, 0.600]"
