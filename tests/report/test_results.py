"""Lines of one model do not depend on which other models were run."""

import dataclasses
import math

import pytest

from selfrefine.core.errors import InputError
from selfrefine.report.tables import contrasts, dose_response, table2, table3, table7
from tests.support.tiny_metrics import FD, PAPER, ROWS, generation, line, of_models, published
from tests.support.tiny_refined import Refined, readouts, refined
from tests.support.tiny_results import JUDGEMENT, equal, tiny_results, titled

VARIANTS = ["baseline", "both", "uniform", "edge"]
FIGURES = FD | {"uniform": 9.5, "edge": 9.6}
PRINTED = [
    *PAPER,
    published("table3", "both", "fid", 8.369),
    published("table7", "edge", "fid", 8.739),
    published("table7", "both", "fid", 8.369),
]
JUDGED = dataclasses.replace(JUDGEMENT, confirmatory=(("both", "baseline"), ("both", "uniform")))
SHAPES = ROWS["datasets"]["shapes"] | {"models": {"tiny": {"steps": [600, 1500]}, "other": {"steps": [60, 9]}}}
BOTH_MODELS = ROWS | {
    "datasets": {"shapes": SHAPES},
    "models": ROWS["models"] | {"other": {"title": "Other family", "self_refining": "both"}},
    "variants": titled({name: name.capitalize() for name in VARIANTS}),
}


def with_petals(main):
    """A second data set with the main model of this name."""
    petals = {"title": "Petals", "stands_for": "celeba_hq", "main_model": main}
    small = {"small": BOTH_MODELS["models"]["tiny"]}
    return BOTH_MODELS | {"datasets": {"shapes": SHAPES, "petals": petals}, "models": BOTH_MODELS["models"] | small}


def results(metrics, runs=(), rows=BOTH_MODELS, judgement=JUDGED):
    found = {"readouts": readouts(VARIANTS, 6), "select": {"variants": VARIANTS}}
    return tiny_results(metrics, runs, rows=rows, paper=PRINTED, judgement=judgement, **found)


def measured(models, seeds=6):
    """Metrics of models, the first of which has all variants; and their runs."""
    metrics = [
        found for found in of_models(models, FIGURES, seeds) if found["model"] == "tiny" or found["variant"] in FD
    ]
    runs = [
        Refined(run.config | {"steps": steps}, run.refreshes).named(model=model)
        for model, steps in zip(models, (600, 60), strict=False)
        for run in refined(VARIANTS if model == "tiny" else ["baseline", "both"], seeds)
    ]
    return metrics, runs


def of_model(lines, model):
    return [line for line in lines if line["model"] == model]


def compared(*args, **options):
    return results(*args, **options).compared


def assembled(metrics, runs):
    """Every table that is of one model."""
    found = results(metrics, runs)
    controls = contrasts.lines(found)
    tables = {"table2": table2, "table3": table3, "table7": table7}
    of_one = {name: module.lines(found) for name, module in tables.items()}
    return {**of_one, "controls": controls, "strength": dose_response.lines(controls, found)}


def test_a_second_model_changes_nothing_in_the_tables_of_the_first():
    alone, beside = assembled(*measured(["tiny"])), assembled(*measured(["tiny", "other"]))
    for name, table in alone.items():
        assert len(table), name
        assert equal(beside[name], table), name


def test_a_second_model_would_change_the_correction_of_the_first_if_it_were_judged_with_it():
    """What `compared` and the contrasts are of main models for: Holm's family would grow by unlisted contrasts."""

    def corrected(metrics):
        found = JUDGED.contrasts(results(metrics).of("generation"), ())
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
    found = contrasts.lines(results(scattered(["tiny", "other"]), measured(["tiny", "other"])[1]))
    listed = found[(found["row"] == "both") & (found["reference"] == "baseline")].set_index("network")
    assert listed.loc["vgg16_conv5_gap", "p_holm"] == alone[space]


def test_the_papers_table_2_is_of_the_first_model():
    table = table2.lines(results(measured(["tiny", "other"])[0]))
    assert {*table["model"]} == {"tiny"}
    assert {*table.loc[table["paper"].notna(), "row"]} == {"baseline", "both"}


def test_the_second_model_is_judged_too_but_explored():
    metrics = measured(["tiny", "other"])[0]
    table = compared(metrics)
    other = table[table["model"] == "other"]
    verdicts = other[other["verdict"] != ""].set_index("network")["verdict"]
    assert verdicts["vgg16_conv5_gap"] == "better"
    explored = dataclasses.replace(JUDGED, confirmatory=())
    assert equal(other, compared(of_model(metrics, "other"), judgement=explored))


def test_models_of_different_numbers_of_images_do_not_compare():
    metrics = [*generation(FD), line("late", "fd_test", 1.0, n_images=50) | {"model": "other"}]
    with pytest.raises(InputError, match="rows of 100 and 50 images"):
        compared(metrics)


def test_a_model_in_the_place_of_the_first_is_judged_with_it():
    """On other data sets its lines are those that the first model's would be."""
    own = of_models(["tiny"], FIGURES, 6)
    metrics = [*own, *(line | {"dataset": "petals"} for line in own)]
    replaced = [line | {"model": "small"} if line["dataset"] == "petals" else line for line in metrics]

    def judged(metrics, model):
        found = results(metrics, rows=with_petals(model))
        table = found.of_mains(found.compared)
        return table[table["dataset"] == "petals"]

    there = judged(replaced, "small")
    assert {*there["model"]} == {"small"}
    assert equal(there, judged(metrics, "tiny").assign(model="small"))


def test_a_data_set_without_the_first_model_or_one_in_its_place_is_in_none_of_its_tables():
    metrics = [*of_models(["tiny"], FD), *(line | {"dataset": "petals"} for line in of_models(["other"], FD))]
    found = results(metrics, rows=with_petals(""))
    assert {*found.of_mains(found.compared)["dataset"]} == {"shapes"}
    assert {*table2.lines(found)["dataset"]} == {"shapes"}
