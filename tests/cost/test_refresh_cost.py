"""The cost of a refinement phase is what counting says where only counting decides, and is measured for every case."""

import itertools
import time

import pytest
import torch

from selfrefine.cost import refresh_cost
from selfrefine.cost.refresh_cost import AUTHORS, EXPLAIN, OURS, PLAIN, REDUCED, REFINING, Sizes
from tests.support.tiny_subject import SIZES, counted_seconds, tiny_subject


@pytest.mark.parametrize(
    ("cycle", "of_250", "of_500"),
    [(10, 9.33, 17.67), (50, 2.67, 4.33), (100, 1.83, 2.67), (500, 1.17, 1.33), (1000, 1.08, 1.17)],
)
@pytest.mark.parametrize("batch", [1, 8, 64])
def test_counting_gives_the_table_of_method_3_1(cycle, of_250, of_500, batch):
    assert refresh_cost.cost_by_evaluations(batch, 250, batch, cycle) == pytest.approx(of_250, abs=0.005)
    assert refresh_cost.cost_by_evaluations(batch, 500, batch, cycle) == pytest.approx(of_500, abs=0.005)


def test_an_update_that_is_dearer_with_the_map_is_counted():
    assert refresh_cost.phase_cost(plain=2.0, refining=2.2, refresh=10.0, cycle=100) == pytest.approx(1.15)


def test_the_design_keeps_to_the_limit_by_counting_and_the_authors_do_not():
    sizes = Sizes()
    for batch in sizes.batches:
        for name, images, steps in sizes.kinds(batch):
            cost = refresh_cost.cost_by_evaluations(images, steps, batch, 100)
            if name == REDUCED:
                assert images * steps <= 9 * batch
                assert cost <= refresh_cost.LIMIT
            elif name == AUTHORS:
                assert cost == pytest.approx(1 + 250 / 300)
    assert refresh_cost.cost_by_evaluations(64, 10, 64, 100) == pytest.approx(1.0333, abs=1e-4)
    assert {kind[0] for kind in sizes.kinds(8)} == {kind[0] for kind in sizes.kinds(16)} == {OURS, REDUCED, AUTHORS}


def test_lines_of_a_machine_that_only_evaluates_are_those_of_counting():
    lines = refresh_cost.lines(counted_seconds(), SIZES)
    keys = [(line["batch"], line["refresh"], line["images"], line["steps"], line["cycle"]) for line in lines]
    kinds = {2: [(OURS, 4, 3), (REDUCED, 2, 3), (AUTHORS, 2, 5)], 4: [(OURS, 4, 3), (AUTHORS, 4, 5)]}
    assert keys == [(b, *kind, c) for b in (2, 4) for kind, c in itertools.product(kinds[b], (10, 100))]
    for line in lines:
        counted = 1.0 + line["images"] * line["steps"] / (3.0 * line["cycle"] * line["batch"])
        assert line["by_evaluations"] == pytest.approx(counted)
        assert [line[name] for name in ("cost", "low", "high")] == pytest.approx([counted] * 3)
        assert line["meets"] == (counted <= 1.05)
        assert line["refining_over_plain_update"] == 1.0
        if line["refresh"] == AUTHORS:
            assert line["share_of_explaining"] is None
        else:
            assert line["share_of_explaining"] == pytest.approx(0.25 / line["steps"])
    assert {line["meets"] for line in lines} == {True, False}


def test_what_the_map_costs_in_an_update_is_told_apart_from_the_refresh():
    seconds = counted_seconds()
    seconds[REFINING, 4, 0] = [1.1 * value for value in seconds[PLAIN, 4, 0]]
    line = next(line for line in refresh_cost.lines(seconds, SIZES) if line["batch"] == 4)
    assert line["refining_over_plain_update"] == pytest.approx(1.1)
    assert line["cost"] == pytest.approx(1.2)
    assert line["refresh_alone"] == pytest.approx(1.1)


def test_one_slow_round_moves_an_end_and_not_the_median():
    sizes = Sizes(rounds=3, batches=(4,), cycles=(10,), refreshes=((4, 3),), reduced=(), authors_steps=5)
    seconds = counted_seconds(sizes)
    seconds[OURS, 4, 3][1] *= 11.0
    line = refresh_cost.lines(seconds, sizes)[0]
    assert [line["cost"], line["low"], line["high"]] == pytest.approx([1.1, 1.1, 2.1])


def test_all_cases_are_real_work_on_the_subject():
    cases = refresh_cost.cases(tiny_subject(), SIZES)
    assert set(cases) == {
        *((kind, batch, 0) for kind in (PLAIN, REFINING) for batch in (2, 4)),
        *((OURS, 4, 3), (REDUCED, 2, 3), (AUTHORS, 2, 5), (AUTHORS, 4, 5)),
        *((EXPLAIN, images, 0) for images in (4, 2)),
    }
    assert cases[PLAIN, 2, 0].calls == 2
    assert cases[PLAIN, 4, 0].calls == 1
    plain, refining = (cases[kind, 4, 0].action() for kind in (PLAIN, REFINING))
    assert torch.isfinite(plain)
    assert torch.isfinite(refining)
    assert cases[EXPLAIN, 4, 0].action().shape == (8, 8)


def test_measures_every_batch_and_refresh():
    told = []
    lines = refresh_cost.measure(tiny_subject(), SIZES, time.perf_counter, told.append)
    assert len(lines) == (3 + 2) * 2
    assert all(0.0 < line["low"] <= line["cost"] <= line["high"] for line in lines)
    assert all(line["refresh_seconds"] > 0.0 and line["update_seconds"] > 0.0 for line in lines)
    assert len(told) == SIZES.rounds
