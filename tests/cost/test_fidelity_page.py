"""What page and figure say of the lines of fidelity.csv."""

import math
import re

import pandas as pd
import pytest

from selfrefine.cost import fidelity_page
from selfrefine.cost.refresh_fidelity import CANDIDATE, REFERENCE, Size
from selfrefine.report.figures import style


def lines(seeds=2, **fast):
    """Three sizes; `fast` are figures of 64 x 10, in seed k more by k / 100."""
    own = {"8x250": {"r": 0.9, "error": 0.4}, "64x250": {"r": 0.98, "error": 0.1}}
    own["64x10"] = {"r": 0.95, "error": 0.3, "mean_ratio": 1.1} | fast
    found = []
    for seed in range(seeds):
        names = {"dataset": "shapes", "model": "tiny", "seed": str(seed), "highlighter": "flaw"}
        found.append(names | line(Size(1024, 250), REFERENCE, "r", 0.997))
        for text, figures in own.items():
            values = {metric: figures.get(metric, 1.0) + seed / 100 for metric in fidelity_page.HEADINGS}
            found += [names | line(Size.parse(text), CANDIDATE, metric, value) for metric, value in values.items()]
    return pd.DataFrame(found)


def line(size, role, metric, value):
    where = {"images": size.images, "steps": size.steps, "evaluations": size.evaluations, "role": role}
    return where | {"metric": metric, "value": value, "spread": 0.03 if role == CANDIDATE else math.nan, "repeats": 16}


def row_of(page, size):
    """The cells of a size in the table of agreement."""
    (text,) = [found for found in page.splitlines() if found.startswith(f"| {size} ") and "+-" in found]
    return [cell.strip() for cell in text.strip("|").split("|")]


def test_figures_are_means_over_models_with_the_spread_of_one_refresh():
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
    page = " ".join(fidelity_page.page(lines()).split())
    assert "1024 x 250 of the same network" in page
    assert "Means over 2 model(s)" in page
    assert "0.997" in page
    assert re.search(r"\| shapes +\| +tiny \| +flaw \| +1 \|", page)
    assert "nan" not in fidelity_page.page(lines(r_particular=math.nan))


def test_as_true_as_needs_both():
    one, other = ({"r": (0.9, 0.1), "error": (error, 0.1)} for error in (0.1, 0.2))
    small, large, reference = Size(64, 10), Size(8, 250), Size(1024, 250)
    assert fidelity_page.as_true_as(small, {small: one, large: other}, reference) == [large]
    assert fidelity_page.as_true_as(small, {small: other, large: one}, reference) == []
    assert fidelity_page.as_true_as(large, {small: other, large: one}, reference) == []


# -- the figure --------------------------------------------------------------------------------------------------------


def bars(ax):
    """x -> value, low, high of each mark."""
    found = {}
    for container in ax.containers:
        mark, _, (bar,) = container.lines
        for x, y, segment in zip(*mark.get_data(), bar.get_segments(), strict=True):
            found[float(x)] = (float(y), float(segment[0][1]), float(segment[1][1]))
    return found


def test_each_size_stands_at_its_evaluations_with_its_spread():
    r, ratio = fidelity_page.figure(lines(), "").axes
    assert bars(r)[640.0] == pytest.approx((0.955, 0.925, 0.985))
    assert bars(ratio)[640.0] == pytest.approx((1.105, 1.075, 1.135))
    assert set(bars(r)) == {640.0, 2000.0, 16000.0}
    assert {text.get_text().strip() for text in r.texts} == {"8 x 250", "64 x 250", "64 x 10"}


def test_the_reference_is_a_line_at_its_own_ceiling():
    axes = fidelity_page.figure(lines(), "").axes
    dashed = [line.get_ydata()[0] for ax in axes for line in ax.lines if len(line.get_xdata()) == 2]
    assert [value for value in dashed if value in (pytest.approx(0.997), 1.0)] == [pytest.approx(0.997), 1.0]


def test_it_is_drawn_without_a_warning_and_with_figures_that_do_not_exist(recwarn):
    with style.style():
        figure = fidelity_page.figure(lines(r=math.nan, mean_ratio=math.nan), "Experiment smoke.")
        figure.canvas.draw()
    assert not recwarn.list
    assert figure.get_supxlabel().endswith("Experiment smoke.")
