"""Lines of maps.csv and what is said of them."""

import math

import pytest

from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import map_validity
from selfrefine.report.tables.map_validity import NOT_DYNAMIC, NOT_OF_FAKES, ONLY_NOISE
from tests.support.tiny_maps import correlations, metrics
from tests.support.tiny_metrics import FD, ROWS, of_models
from tests.support.tiny_refined import BOTH, Refined, refreshes
from tests.support.tiny_results import equal, table_cells, tiny_results, titled

WORDS = ROWS | {"models": titled({"tiny": "Tiny DDPM", "other": "Other DDPM"})}


def refined(r_first, seed=0, variant="both", model="tiny", **changes):
    names = {"dataset": "shapes", "model": model, "variant": variant, "seed": str(seed)}
    lines = [{"step": 600 + 25 * k, "r_first": r} for k, r in enumerate(r_first)]
    return Refined(BOTH | {"names": names, "map_images": 64} | changes, refreshes(lines))


RUNS = [refined([1.0, 0.9, 0.7])]


def results(runs=RUNS, r=None, figures=None):
    r, figures = correlations() if r is None else r, metrics() if figures is None else figures
    return tiny_results(of_models(["tiny", "other"], FD), runs, rows=WORDS, correlations=r, maps=figures)


def table(seeds=1, runs=RUNS, **flaw_with):
    found = map_validity.lines(results(runs, correlations(seeds, **flaw_with), metrics(seeds)))
    return {(line["row"], line["metric"]): line for line in records(found)}


def page(found):
    return map_validity.page(map_validity.lines(found), found)


def test_every_map_beside_the_flaw_map_and_every_figure():
    found = table()
    others = ["real_map", "second", "moment_gap", "edge", "gaussian_center"]
    assert [row for row, metric in found if metric == "r"] == others
    assert [metric for row, metric in found if row == "second"] == ["r", *map_validity.FIGURES]
    assert list(found["second", "r"]) == map_validity.COLUMNS
    line = found["second", "r"]
    assert (line["value"], line["low"], line["high"]) == pytest.approx((0.7, 0.68, 0.72))  # of one seed: over images
    assert (line["n_images"], line["n_seeds"]) == (100, 1)
    assert line["scale"].startswith("Experiment smoke: Tiny DDPM on Shapes")
    assert math.isnan(found["edge", "r"]["value"])


def test_over_seeds_the_interval_is_students():
    line = table(seeds=3)["second", "r"]
    assert line["value"] == pytest.approx(0.69)
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert (line["low"], line["high"]) == pytest.approx((0.69 - half, 0.69 + half), rel=1e-6)
    assert line["n_seeds"] == 3


@pytest.mark.parametrize(("r", "told"), [(0.95, NOT_OF_FAKES), (0.9, ""), (0.5, ""), (-0.95, ""), (math.nan, "")])
def test_a_map_that_real_images_have_too_singles_none_out(r, told):
    found = table(real_map=r, second=0.99)
    assert found["real_map", "r"]["finding"] == told
    assert found["second", "r"]["finding"] == ""


@pytest.mark.parametrize(
    ("r_first", "least", "told"),
    [
        ([1.0, 0.99, 0.985], 0.985, NOT_DYNAMIC),
        ([1.0, 0.99, 0.975, 0.99], 0.975, ""),
        ([1.0, 0.2], 0.2, ""),
        ([1.0, math.nan, 0.99], math.nan, ""),
        ([1.0, 0.99, math.nan], math.nan, ""),
    ],
)
def test_a_map_that_hardly_changes_is_not_dynamic(r_first, least, told):
    line = table(runs=[refined(r_first)])["both", "r_first_least"]
    assert line["value"] == pytest.approx(least, nan_ok=True)
    assert line["finding"] == told
    assert line["n_images"] == 64


def test_all_seeds_must_be_alike():
    def told(*leasts):
        runs = [refined([1.0, least], seed) for seed, least in enumerate(leasts)]
        return table(runs=runs)["both", "r_first_least"]

    assert told(0.99, 0.985)["finding"] == NOT_DYNAMIC
    assert told(0.999, 0.975)["finding"] == ""  # the mean is above
    assert told(0.99, 0.985)["value"] == pytest.approx(0.9875)


@pytest.mark.parametrize(("r_first", "told"), [([1.0, 0.95, 0.91], ONLY_NOISE), ([1.0, 0.95, 0.83], "")])
def test_change_is_what_lies_below_two_mfams_of_one_network(r_first, told):
    """Two mFAMs of one network have r .9 here."""
    line = table(runs=[refined(r_first)])["both", "r_first"]
    assert line["value"] == pytest.approx(sum(r_first[1:]) / 2)
    assert line["finding"] == told


@pytest.mark.parametrize(
    "run", [refined([1.0, 0.9], variant="forward"), refined([1.0, 0.9], map="uniform"), refined([1.0]), refined([])]
)
def test_runs_that_tell_nothing_of_change(run):
    assert not [metric for _, metric in table(runs=[run]) if metric.startswith("r_first")]


def test_a_model_without_other_highlighters_still_shows_its_change():
    found = results([*RUNS, refined([1.0, 0.999], model="other")])
    other = [line for line in records(map_validity.lines(found)) if line["model"] == "other"]
    assert [(line["metric"], line["finding"]) for line in other] == [("r_first", ""), ("r_first_least", NOT_DYNAMIC)]
    assert other[0]["scale"].startswith("Experiment smoke: Other DDPM")
    text = page(found)
    assert "## Other DDPM on Shapes" in text
    assert text.count("### Correlation with the flaw map") == 1


def test_each_model_has_its_own_maps_and_its_own_noise():
    """Two mFAMs of the other model are less alike: what is change in one is noise in the other."""
    runs = [refined([1.0, 0.8, 0.8], model=model) for model in ("tiny", "other")]
    theirs = [line | {"model": "other"} for line in metrics()]
    theirs = [line | {"value": 0.7} if line["metric"] == map_validity.RELIABILITY else line for line in theirs]
    r = [line | {"model": "other"} for line in correlations(real_map=0.95)]
    alone = map_validity.lines(results(runs[:1]))
    both = results([runs[1], runs[0]], [*r, *correlations()], [*theirs, *metrics()])
    found = map_validity.lines(both)
    parts = {model: found[found["model"] == model] for model in ("tiny", "other")}
    assert equal(parts["tiny"], alone)
    others = {(line["row"], line["metric"]): line["finding"] for line in records(parts["other"]) if line["finding"]}
    assert others == {("real_map", "r"): NOT_OF_FAKES, ("both", "r_first"): ONLY_NOISE}
    assert set(parts["tiny"]["finding"]) == {""}
    text = page(both)
    assert text.index("## Other DDPM on Shapes") < text.index("## Tiny DDPM on Shapes")
    assert text.count("### Correlation with the flaw map") == 2


def test_page():
    text = page(results(r=correlations(real_map=0.95)))
    rows = {cells[0]: cells[1:] for cells in table_cells(text)}  # of the last table that has the row
    assert rows["Second highlighter"] == rows["Flaw map"]
    assert rows["Flaw map"][0] == "0.450 [0.405, 0.495]"
    assert rows["Flaw map"][4] == "2.0 [1.8, 2.2]"  # in percent
    assert rows["Canny edges"] == ["-", "-"]
    assert f"| Same highlighter, real images | +0.950 [+0.930, +0.970] | {NOT_OF_FAKES} |" in text
    assert rows["Forward + reverse"] == ["least", "0.700", "-"]
    assert "nan" not in text


def test_nothing_measured_is_said():
    assert "No run has a map" in page(results([], [], []))
    assert "The map was not refreshed" in page(results([]))
