"""Lines of one model do not depend on which other models were run."""

import dataclasses
import math

import pytest

from selfrefine.core.errors import InputError
from selfrefine.report import families, seed_statistics
from selfrefine.report.results import Refined
from selfrefine.report.tables import contrasts, dose_response, table2, table3, table7
from tests.support.tiny_metrics import FD, PAPER, ROWS, generation, line, of_models, published
from tests.support.tiny_refined import readouts, refined

VARIANTS = ["baseline", "both", "uniform", "edge"]
FIGURES = FD | {"uniform": 9.5, "edge": 9.6}
STANDS_FOR, MAINS = {"shapes": "celeba_hq"}, {"shapes": "tiny"}
PRINTED = [
    *PAPER,
    published("table3", "both", "fid", 8.369),
    published("table7", "edge", "fid", 8.739),
    published("table7", "both", "fid", 8.369),
]
JUDGEMENT = seed_statistics.Judgement(
    "baseline", 0.017, 6, "vgg16_conv5_gap", confirmatory=(("both", "baseline"), ("both", "uniform"))
)
BOTH_MODELS = ROWS | {
    "datasets": {
        "shapes": ROWS["datasets"]["shapes"]
        | {"models": {"tiny": {"steps": [600, 1500]}, "other": {"steps": [60, 9]}}},
    },
    "models": ROWS["models"] | {"other": {"title": "Other family", "self_refining": "both"}},
}


def measured(models, seeds=6):
    """Metrics of models, the first of which has all variants; and their runs."""
    metrics = [
        found for found in of_models(models, FIGURES, seeds) if found["model"] == "tiny" or found["variant"] in FD
    ]
    runs = [
        Refined(run.config | {"names": run.config["names"] | {"model": model}, "steps": steps}, run.refreshes)
        for model, steps in zip(models, (600, 60), strict=False)
        for run in refined(VARIANTS if model == "tiny" else ["baseline", "both"], seeds)
    ]
    return metrics, runs


def of_model(lines, model):
    return [line for line in lines if line["model"] == model]


def whole(metrics):
    scale = seed_statistics.scales(metrics, "smoke", BOTH_MODELS)
    return families.every_model(metrics, PRINTED, JUDGEMENT, MAINS, STANDS_FOR, scale)


def assembled(metrics, runs):
    """Every table that is of one model, as lines."""
    mine = of_model(whole(metrics), "tiny")
    first, of_first = of_model(metrics, "tiny"), [run for run in runs if run.key[1] == "tiny"]
    pairs = contrasts.pairs(VARIANTS, "baseline", contrasts.controls_of(of_first), {})
    found = JUDGEMENT.contrasts(first, pairs)
    scale = seed_statistics.scales(first, "smoke", BOTH_MODELS)
    controls = contrasts.lines(found, first, readouts(VARIANTS, 6), of_first, scale)
    return {
        "table2": table2.paper_rows(mine, PRINTED, JUDGEMENT),
        "table3": table3.lines(mine, PRINTED, "baseline", STANDS_FOR),
        "table7": table7.lines(mine, PRINTED, of_first, STANDS_FOR),
        "controls": controls,
        "strength": dose_response.lines(controls, of_first, "baseline"),
    }


def test_a_second_model_changes_nothing_in_the_tables_of_the_first():
    alone, beside = assembled(*measured(["tiny"])), assembled(*measured(["tiny", "other"]))
    for name, lines in alone.items():
        assert lines, name
        assert repr(beside[name]) == repr(lines), name  # repr: NaN equals itself


def test_a_second_model_would_change_the_correction_of_the_first_if_it_were_judged_with_it():
    """What `every_model` is for: Holm's family would grow by contrasts that nobody listed."""

    def corrected(metrics):
        found = JUDGEMENT.contrasts(metrics, ())
        return {one.space: one.p_holm for one in found if (one.variant, one.reference) == ("both", "baseline")}

    # The same variant with seeds that scatter, so that p is not 0.
    def scattered(models):
        return [
            found | {"value": found["value"] * (1.0 + 0.05 * math.sin(7 * found["seed"]))}
            if found["variant"] == "both"
            else found
            for found in measured(models)[0]
        ]

    space = ("shapes", "tiny", "vgg16_conv5_gap")
    alone, together = corrected(scattered(["tiny"])), corrected(scattered(["tiny", "other"]))
    assert together[space] > alone[space] > 0.0
    assert corrected(of_model(scattered(["tiny", "other"]), "tiny"))[space] == alone[space]


def test_the_papers_table_2_is_of_the_first_model():
    lines = whole(measured(["tiny", "other"])[0])
    printed = {(line["model"], line["row"]) for line in lines if not math.isnan(line["paper"])}
    assert printed == {("tiny", "baseline"), ("tiny", "both")}


def test_the_second_model_is_judged_too_but_explored():
    lines = whole(measured(["tiny", "other"])[0])
    verdicts = {(line["model"], line["network"]): line["verdict"] for line in lines if line["verdict"]}
    assert verdicts["other", "vgg16_conv5_gap"] == "better"
    explored = dataclasses.replace(JUDGEMENT, confirmatory=())
    metrics = of_model(measured(["tiny", "other"])[0], "other")
    scale = seed_statistics.scales(metrics, "smoke", BOTH_MODELS)
    expected = table2.table2(metrics, (), explored, STANDS_FOR, scale)
    assert repr(of_model(lines, "other")) == repr(expected)


def test_models_of_different_numbers_of_images_do_not_compare():
    metrics = [*generation(FD), line("late", "fd_test", 1.0, n_images=50) | {"model": "other"}]
    with pytest.raises(InputError, match="rows of 100 and 50 images"):
        whole(metrics)


def test_a_model_in_the_place_of_the_first_is_judged_with_it():
    """On other data sets its lines are those that the first model's would be."""
    metrics = [
        *of_models(["tiny"], FIGURES, 6),
        *(line | {"dataset": "petals"} for line in of_models(["tiny"], FIGURES, 6)),
    ]
    replaced = [line | {"model": "small"} if line["dataset"] == "petals" else line for line in metrics]
    rows = BOTH_MODELS | {
        "datasets": BOTH_MODELS["datasets"] | {"petals": {"title": "Petals"}},
        "models": BOTH_MODELS["models"] | {"small": BOTH_MODELS["models"]["tiny"]},
    }

    def judged(metrics, model):
        scale = seed_statistics.scales(metrics, "smoke", rows)
        mains, stands_for = MAINS | {"petals": model}, STANDS_FOR | {"petals": "celeba_hq"}
        found = families.every_model(metrics, PRINTED, JUDGEMENT, mains, stands_for, scale)
        return families.of_mains(found, mains)

    there = [line for line in judged(replaced, "small") if line["dataset"] == "petals"]
    assert {line["model"] for line in there} == {"small"}
    expected = [line | {"model": "small"} for line in judged(metrics, "tiny") if line["dataset"] == "petals"]
    assert repr(there) == repr(expected)  # NaN equals itself


def test_a_data_set_without_the_first_model_or_one_in_its_place_is_in_none_of_its_tables():
    metrics = [*of_models(["tiny"], FD), *(line | {"dataset": "petals"} for line in of_models(["other"], FD))]
    rows = BOTH_MODELS | {"datasets": BOTH_MODELS["datasets"] | {"petals": {"title": "Petals"}}}
    scale, mains = seed_statistics.scales(metrics, "smoke", rows), MAINS | {"petals": ""}
    found = families.every_model(metrics, PRINTED, JUDGEMENT, mains, STANDS_FOR | {"petals": "celeba_hq"}, scale)
    assert {line["dataset"] for line in families.of_mains(found, mains)} == {"shapes"}
    assert all(math.isnan(line["paper"]) for line in found if line["dataset"] == "petals")
