"""What fidelity.md says of its lines."""

import math
import re

import pytest

from selfrefine.cost import fidelity_page, refresh_fidelity
from selfrefine.cost.fidelity_page import Row
from selfrefine.cost.refresh_fidelity import CANDIDATE, ENDLESS, METRICS, REFERENCE, Repeated, Size


def lines(seeds=2, **fast):
    """Three sizes; `fast` are figures of 64 x 10, in seed k more by k / 100."""
    own = {"8 x 250": {"r": 0.9, "error": 0.4}, "64 x 250": {"r": 0.98, "error": 0.1}}
    own["64 x 10"] = {"r": 0.95, "error": 0.3, "mean_ratio": 1.1} | fast
    found = []
    for seed in range(seeds):
        names = {"dataset": "shapes", "model": "tiny", "seed": str(seed), "highlighter": "flaw"}
        found.append(names | line(Size(250, 1024), REFERENCE, "r", 0.997))
        for text, figures in own.items():
            size = Size.parse(text.replace(" ", ""))
            values = {metric: figures.get(metric, 1.0) + seed / 100 for metric in (*METRICS, ENDLESS)}
            found += [names | line(size, CANDIDATE, metric, value) for metric, value in values.items()]
    return found


def line(size, role, metric, value):
    where = {"images": size.images, "steps": size.steps, "evaluations": size.evaluations, "role": role}
    return where | {"metric": metric, "value": value, "spread": 0.03 if role == CANDIDATE else math.nan, "repeats": 16}


def row_of(page, size):
    """The cells of a size in the table of agreement."""
    (text,) = [found for found in page.splitlines() if found.startswith(f"| {size} ") and "+-" in found]
    return [cell.strip() for cell in text.strip("|").split("|")]


def test_figures_are_means_over_models_with_the_spread_of_one_refresh():
    found = {str(row.size): row.figures["r"] for row in fidelity_page.rows(lines(), CANDIDATE)}
    assert found["64 x 10"] == pytest.approx(Repeated(0.955, 0.03, 32))
    assert row_of(fidelity_page.page(lines()), "64 x 10")[1] == "0.955 +- 0.030"


def test_a_fast_map_is_as_true_as_what_it_beats_in_r_and_error():
    assert row_of(fidelity_page.page(lines()), "64 x 10")[-1] == "8 x 250"
    assert row_of(fidelity_page.page(lines(error=0.05, r=0.99)), "64 x 10")[-1] == "8 x 250, 64 x 250"
    assert row_of(fidelity_page.page(lines(error=0.5)), "64 x 10")[-1] == "-"
    assert row_of(fidelity_page.page(lines(r=math.nan)), "64 x 10")[-1] == "-"
    assert row_of(fidelity_page.page(lines()), "64 x 250")[-1] == "-", "the authors' own"


def test_cost_is_that_of_the_evaluations():
    told = fidelity_page.page(lines())
    assert re.search(r"\| 64 x 10 +\| +640 \| +3.3 % \| +13.3 % \| +26.7 % \|", told)
    assert re.search(r"\| 8 x 250 +\| +2000 \| +10.4 % \| +41.7 % \| +83.3 % \|", told)


def test_the_page_names_reference_and_models():
    told = fidelity_page.page(lines())
    assert "1024 x 250 of the same network" in told
    assert "Means over 2 models" in told
    assert "0.997" in told
    assert "Means over 1 model and" in fidelity_page.page(lines(seeds=1))
    assert re.search(r"\| shapes +\| +tiny \| +flaw \| +1 \|", told)
    assert "nan" not in fidelity_page.page(lines(r_particular=math.nan))


def test_every_figure_of_the_study_is_shown():
    assert set(fidelity_page.HEADINGS) == {*refresh_fidelity.METRICS, refresh_fidelity.ENDLESS}


def test_as_true_as_needs_both():
    one, other = (Row(Size(10, 64), {"r": Repeated(0.9, 0.1, 4), "error": Repeated(e, 0.1, 4)}) for e in (0.1, 0.2))
    assert fidelity_page.as_true_as(one, [one, other]) == [one, other]
    assert fidelity_page.as_true_as(other, [one]) == []
