"""Table 6: the paper's scores beside ours, what the highlighter may go by, whether its maps find planted flaws."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from selfrefine.evidence import pointing_game
from selfrefine.metrics import intervals
from selfrefine.report.tables import table6

PAPER = pd.read_csv(Path(__file__).parents[3] / "workflow" / "resources" / "paper_values.csv").to_dict("records")
STANDS_FOR = {"garments": "celeba_hq", "shoes": "church", "own": ""}
TITLES = {"garments": "Garments", "shoes": "Shoes", "own": "Own", "ddpm": "DDPM"}
TITLES |= {"flaw": "Flaw highlighter", "label_shuffled": "Shuffled labels"}


def planted():
    """Names and figures as the stage measures them."""
    draws, masks = np.random.default_rng(0), np.zeros((20, 16, 16))
    masks[:, 4:8, 4:8] = 1.0
    maps = {kind: draws.random((20, 64, 64)) for kind in ("fake_splice", "real_splice", "blur", "noise", "warp")}
    return pointing_game.measure(maps, masks, 4)


def metrics(datasets=("garments",), seeds=(0,), rows=("flaw", "label_shuffled"), model="ddpm"):
    """Tidy metrics; the accuracy of a seed is .9 + .01 seed."""
    found = []
    for dataset in datasets:
        for seed in seeds:
            for row in rows:
                scores = {"f1": 0.8, "p_real_gap": 0.7, "roc_auc": 0.95, "accuracy": 0.9 + 0.01 * seed}
                figures = {name: (value, value - 0.02, value + 0.02, 204) for name, value in scores.items()}
                if row == "flaw":
                    figures |= {f"shortcut_auc_{name}": (0.6, 0.55, 0.65, 204) for name in ("stored", "seen")}
                    figures |= {f"background_{name}": (0.4, 0.35, 0.45, 102) for name in ("mass", "share")}
                    figures["evidence_generated"] = (0.98, 0.95, 0.99, 102)
                    figures |= {name: (*vars(one).values(), 128) for name, one in planted().items()}
                for metric, (value, low, high, n_images) in figures.items():
                    line = {"dataset": dataset, "model": model, "variant": row, "seed": seed, "metric": metric}
                    line |= {"value": value, "low": low, "high": high, "n_images": n_images}
                    found.append(line | {"network": "highlighter", "sha256": "0" * 64})
    return found


def table(*args, **options):
    measured = metrics(*args, **options)
    scale = {(line["dataset"], "ddpm"): "Experiment smoke: DDPM" for line in measured}
    return table6.lines(measured, PAPER, STANDS_FOR, scale)


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
    names = ("ddpm", "improved_ddpm", "uvit", "ldm")
    measured = [line for number, name in enumerate(names) for line in metrics(seeds=(number,), model=name)]
    scale = {("garments", name): f"Experiment smoke: {name}" for name in names}
    lines = table6.lines(measured, PAPER, STANDS_FOR, scale)
    part = [line for line in lines if line["model"] == model]
    found = by(part)
    assert [found[metric]["paper"] for metric in ("accuracy", "f1", "roc_auc")] == list(figures)
    assert found["accuracy"]["value"] == pytest.approx(0.9 + 0.01 * names.index(model))
    assert {line["scale"] for line in part} == {f"Experiment smoke: {model}"}
    page = table6.page(lines, titles=TITLES | {name: name.upper() for name in names})
    section = page.split(f"## {model.upper()} on Garments")[1].split("\n## ")[0]
    assert cells(section, "Paper")[1:4] == [f"{value:.3f}" for value in figures]


def test_a_family_has_no_figures_of_the_papers_other_data_sets():
    measured = metrics(("shoes",), model="uvit")
    lines = table6.lines(measured, PAPER, STANDS_FOR, {("shoes", "uvit"): "Experiment"})
    assert all(math.isnan(line["paper"]) for line in lines)


def test_all_that_the_paper_prints_of_the_three_data_sets_is_known():
    printed = [line for line in PAPER if (line["table"], line["row"]) == ("table6", "ddpm")]
    known = {(line["dataset"], line["metric"]): line["value"] for line in printed}
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
    assert all(tuple(line) == table6.COLUMNS for line in lines)
    assert {line["n_images"] for line in lines} == {204, 102, 128}
    assert {line["scale"] for line in lines} == {"Experiment smoke: DDPM"}


def cells(page, title):
    """The texts of the row of a Markdown table."""
    (row,) = [line for line in page.splitlines() if re.match(rf"\| {re.escape(title)} +\|", line)]
    return [text.strip() for text in row.strip("|").split("|")]


def test_the_page_shows_every_highlighter_under_the_paper():
    page = table6.page(table(), titles=TITLES)
    assert cells(page, "Paper")[1:] == ["0.991", "0.991", "1.000", "-", "-"]
    assert cells(page, "Flaw highlighter")[1] == "0.900 [0.880, 0.920]"
    assert cells(page, "Flaw highlighter")[3] == "0.950 [0.930, 0.970]"
    assert cells(page, "Shuffled labels")[-1] == "204"
    assert "interval over the images of its one seed" in page
    assert "interval over seeds" in table6.page(table(seeds=(0, 1)), titles=TITLES)


def test_the_page_shows_every_kind_of_patch_and_what_guessing_reaches():
    page, found = table6.page(table(), titles=TITLES), by(table())
    assert cells(page, "Three cells at random")[1] == "0.062"
    assert cells(page, "Piece of a generated image")[2].startswith(f"{found['hit_any_fake_splice']['value']:.3f} [")
    assert cells(page, "**Generated less real**")[1].startswith(f"{found['hit_cell_difference']['value']:+.3f} [")
    assert cells(page, "Blurred")[3].startswith("1.00 [")
    assert cells(page, "For comparison: whole generated images")[1:] == ["-", "-", "0.98 [0.95, 0.99]"]
    assert "a seam alone gives a patch away" in page
    assert "128 images of each kind" in page


def test_a_data_set_without_the_papers_figures_and_without_the_unguarded_row():
    page = table6.page(table(("own",), rows=("flaw",)), titles=TITLES)
    assert "| Paper" not in page
    assert "with and without guard" not in page
    assert "## DDPM on Own" in page


def test_the_correlation_with_the_unguarded_map_is_shown_where_it_was_measured():
    line = metrics()[0] | {"metric": "guard_correlation", "value": 0.5, "low": 0.4, "high": 0.6}
    lines = table6.lines([*metrics(), line], PAPER, STANDS_FOR, {("garments", "ddpm"): "Experiment"})
    page = table6.page(lines, titles=TITLES)
    assert cells(page, "Correlation of maps with and without guard")[1] == "0.500 [0.400, 0.600]"
