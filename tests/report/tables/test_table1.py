"""Table 1: both rows of every family of the paper, what was run beside what was not."""

import math

import pytest

from selfrefine.report.paper_values import PAPER_FAMILIES
from selfrefine.report.seed_statistics import CHANGE, FIGURE, records
from selfrefine.report.tables import table1
from tests.support.tiny_metrics import FD, of_models
from tests.support.tiny_results import REAL_PAPER, table_cells, tiny_results, titled

MODELS = {"ddpm": ("DDPM", "both"), "uvit": ("U-ViT", "both"), "own": ("Own family", "reverse")}
VARIANTS = titled({"baseline": "Baseline", "both": "Forward + reverse", "reverse": "Reverse"})


def rows(models, stands_for="celeba_hq"):
    """Words about what is selected, as make_tables gets them."""
    data = {"title": "Shapes", "size": 16} | ({"stands_for": stands_for} if stands_for else {})
    petals = {"title": "Petals", "models": {model: {"steps": [4, 1]} for model in models}}
    return {
        "datasets": {
            "shapes": data | {"main_model": models[0], "models": {model: {"steps": [400, 100]} for model in models}},
            "petals": petals | {"main_model": models[0]},
        },
        "models": {
            model: {"title": MODELS[model][0], "self_refining": MODELS[model][1], "home": "shapes"} for model in models
        },
        "variants": VARIANTS,
    }


def results(models, seeds=1, stands_for="celeba_hq", fd=None, without=()):
    """Two data sets; each model has both processes and the reverse one alone."""
    figures = {row: value for row, value in (FD | {"reverse": 9.9} | (fd or {})).items() if row not in without}
    metrics = of_models(models, figures, seeds)
    metrics += [{**line, "dataset": "petals", "value": 3.0 * line["value"]} for line in metrics]
    return tiny_results(metrics, rows=rows(models, stands_for), paper=REAL_PAPER)


def lines(models, *args, **options):
    return records(table1.lines(results(models, *args, **options)))


def page(models, *args, **options):
    found = results(models, *args, **options)
    return table1.page(table1.lines(found), found)


def primary(table):
    return {(line["model"], line["row"]): line for line in table if line["network"] == "vgg16_conv5_gap"}


def test_every_family_of_the_paper_stands_in_its_order_and_others_below():
    found = lines(["own", "uvit", "ddpm"])
    assert list(primary(found)) == [
        (model, row)
        for model in ("ddpm", "improved_ddpm", "uvit", "ldm", "own")
        for row in ("baseline", "self_refining")
    ]
    assert len(found) == 2 * 5 * 2  # two networks
    assert {line["dataset"] for line in found} == {"shapes"}
    assert list(found[0]) == table1.COLUMNS


@pytest.mark.parametrize(
    ("model", "base", "ours", "error", "claimed"),
    [
        ("ddpm", 8.985, 8.369, 0.044, 6.9),
        ("improved_ddpm", 10.793, 9.843, 0.064, 8.8),
        ("uvit", 4.303, 3.958, 0.049, 8.0),
        ("ldm", 9.269, 8.116, 0.036, 12.4),
    ],
)
def test_the_papers_figures_and_the_reductions_that_it_claims(model, base, ours, error, claimed):
    found = primary(lines(["ddpm"]))
    first, second = found[model, "baseline"], found[model, "self_refining"]
    assert (first["paper"], second["paper"], second["paper_error"]) == (base, ours, error)
    assert math.isnan(first["paper_error"])
    assert math.isnan(first["paper_difference"])
    assert -100.0 * math.expm1(second["paper_difference"]) == pytest.approx(claimed, abs=0.05)


def test_figures_are_of_the_family_and_of_the_variant_that_its_row_names():
    found = primary(lines(["ddpm", "uvit", "own"]))
    assert found["uvit", "baseline"]["value"] == pytest.approx(20.0)
    assert found["own", "self_refining"]["variant"] == "reverse"
    assert found["own", "self_refining"]["value"] == pytest.approx(29.7)
    line, d = found["uvit", "self_refining"], math.log(0.9)
    assert (line["value"], line["difference"]) == pytest.approx((18.0, d))
    assert (line["image_difference_low"], line["image_difference_high"]) == pytest.approx((d - 0.1, d + 0.1))
    assert (line["variant"], line["n_images"], line["n_seeds"]) == ("both", 100, 1)
    assert "U-ViT on Shapes in the place of the paper's CelebA-HQ, 400 + 100 training steps" in line["scale"]
    assert math.isnan(found["own", "baseline"]["paper"])


def test_a_family_that_was_not_run_has_the_papers_figures_and_none_of_ours():
    for line in lines(["ddpm"]):
        run = line["model"] == "ddpm"
        assert run or all(math.isnan(line[column]) for column in (*FIGURE, *CHANGE))
        assert (line["n_seeds"], line["n_images"]) == ((1, 100) if run else (0, 0))
        assert (line["note"] == "not run in this experiment") is not run
        assert math.isfinite(line["paper"])
    assert {line["model"] for line in lines(["ddpm"])} == set(PAPER_FAMILIES)


def test_a_variant_that_was_not_run_is_told_beside_its_baseline():
    found = primary(lines(["ddpm"], without=["both"]))
    assert found["ddpm", "baseline"]["value"] == pytest.approx(10.0)
    assert found["ddpm", "self_refining"]["note"] == "not run in this experiment"


@pytest.mark.parametrize("stands_for", ["flowers", ""])
def test_the_papers_families_stand_beside_its_own_data_set_alone(stands_for):
    found = lines(["uvit", "ddpm"], stands_for=stands_for)
    assert [model for model, row in primary(found) if row == "baseline"] == ["uvit", "ddpm"]
    assert all(math.isnan(line["paper"]) for line in found)
    assert page(["uvit", "ddpm"], stands_for=stands_for).count("Paper: none.") == 2


def test_six_seeds_are_judged_in_each_family():
    found = primary(lines(["ddpm", "own"], seeds=6, fd={"both": 11.0, "reverse": 9.0}))
    assert found["ddpm", "self_refining"]["verdict"] == "worse"
    assert found["own", "self_refining"]["verdict"] == "better"
    assert found["ddpm", "baseline"]["verdict"] == ""


def test_page_puts_every_family_beside_the_paper():
    text = page(["ddpm", "uvit"])
    assert table_cells(text, "U-ViT")[0][1:5] == ["Baseline", "4.303", "-", "20.00"]
    row = table_cells(text, "Self-refining U-ViT")[0]
    assert row[1:4] == ["Forward + reverse", "3.958 +- 0.049", "-8.0 %"]
    assert row[4:9] == ["18.00", "-10.0 %", "18.00 (no interval)", "-10.0 %", "-18.6 % to -0.5 %"]
    assert row[-1] == "not assessed"
    absent = table_cells(text, "Self-refining LDM")[0]
    assert absent[1:] == ["not run in this experiment", "8.116 +- 0.036", "-12.4 %", *["-"] * 7]
    assert text.index("vgg16_conv5_gap") < text.index("alexnet_conv5_gap")
    assert "nan" not in text


def test_page_tells_what_each_family_is_here_and_there():
    found = [line for line in page(["ddpm", "own"]).splitlines() if line.startswith("- ") and "Paper: " in line]
    assert len(found) == 5
    assert found[0].endswith("1 seed, 16 px. Paper: 128 px, 250,000 + 250,000 training steps.")
    assert "400 + 100 training steps" in found[0]
    assert found[2] == (
        "- U-ViT: not run in this experiment. Paper: 64 px, 250,000 + 250,000 training steps in the authors' code."
    )
    assert found[4].endswith("1 seed, 16 px. Paper: none.")


def test_one_seed_is_named_for_what_it_is():
    assert "One seed: every figure is of a single training run" in page(["ddpm"])
    assert "fewer than 6 seeds" in page(["ddpm"])
    assert "One seed: every" not in page(["ddpm"], seeds=2)


def test_a_baseline_that_still_improves_is_named_with_its_family():
    text = page(["ddpm", "uvit"], fd={"fork": 12.5})
    assert "**U-ViT: Baseline still improving: FD 20 % lower" in text
    assert "still improving" not in page(["ddpm", "uvit"])


def test_a_family_that_needs_another_size_is_shown_on_the_data_set_that_stands_for_the_same():
    words = rows(["ddpm", "uvit"])
    small = {"title": "Small shapes", "size": 8, "stands_for": "celeba_hq", "models": {"uvit": {"steps": [4, 1]}}}
    words["models"]["uvit"]["home"] = "small"
    words["datasets"] = {"shapes": words["datasets"]["shapes"], "small": small | {"main_model": ""}}
    metrics = [
        line | {"dataset": "shapes" if line["model"] == "ddpm" else "small"} for line in of_models(["ddpm", "uvit"], FD)
    ]
    results = tiny_results(metrics, rows=words, paper=REAL_PAPER)
    found = table1.lines(results)
    shown = {model: line["dataset"] for (model, _), line in primary(records(found)).items()}
    assert shown == {"ddpm": "shapes", "improved_ddpm": "shapes", "uvit": "small", "ldm": "shapes"}
    assert primary(records(found))["uvit", "self_refining"]["value"] == pytest.approx(18.0)
    text = table1.page(found, results)
    assert "## Shapes" in text
    assert "4 + 1 training steps, 100 images in each row, 1 seed, 8 px. Paper: 64 px" in text
