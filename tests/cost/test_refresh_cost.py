"""The cost of a refinement phase is what counting says where only counting decides, and is measured for every case."""

import time
from pathlib import Path

import pytest
import torch

from selfrefine.cost import refresh_cost
from selfrefine.cost.bench_subject import Sizes
from selfrefine.cost.clock import interleaved
from selfrefine.cost.flops import count
from selfrefine.cost.loads import Run
from selfrefine.cost.refresh_cost import PLAIN, REFINING, REFRESH
from selfrefine.params.experiment import read_params
from tests.support.tiny_subject import SIZES, counted_seconds, tiny_subject

SMOKE, _ = read_params(Path(__file__).parents[2], "smoke")


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
    assert refresh_cost.cost_by_evaluations(64, 10, 64, 100) == pytest.approx(1.0333, abs=1e-4)
    for batch in Sizes().batches:
        *ours, authors = Sizes().refreshes_of(batch)
        assert authors == (batch, 250)
        assert refresh_cost.cost_by_evaluations(*authors, batch, 100) == pytest.approx(1 + 250 / 300)
        assert any(refresh_cost.cost_by_evaluations(*pair, batch, 100) <= refresh_cost.LIMIT for pair in ours)


def test_lines_of_a_machine_that_only_evaluates_are_those_of_counting():
    lines = refresh_cost.lines(counted_seconds(), SIZES)
    keys = [(line["batch"], line["images"], line["steps"], line["cycle"]) for line in lines]
    assert keys == [(b, *pair, c) for b in (2, 4) for pair in ((4, 3), (2, 3), (b, 5)) for c in (10, 100)]
    for line in lines:
        counted = 1.0 + line["images"] * line["steps"] / (3.0 * line["cycle"] * line["batch"])
        assert line["by_evaluations"] == pytest.approx(counted)
        assert [line[name] for name in ("cost", "cost_low", "cost_high")] == pytest.approx([counted] * 3)
        assert line["map_in_update"] == 1.0
        assert line["authors"] == (line["steps"] == 5)


def test_an_update_that_is_dearer_with_the_map_counts_in_the_cost():
    seconds = counted_seconds()
    seconds[REFINING, 4, 0] = [1.1 * value for value in seconds[PLAIN, 4, 0]]
    line = next(line for line in refresh_cost.lines(seconds, SIZES) if line["batch"] == 4)
    assert line["map_in_update"] == pytest.approx(1.1)
    assert line["cost"] == pytest.approx(1.2)


def test_one_slow_round_moves_an_end_and_not_the_median():
    sizes = Sizes(rounds=3, batches=(4,), cycles=(10,), refreshes=((4, 3),), authors_steps=5)
    seconds = counted_seconds(sizes)
    seconds[REFRESH, 4, 3][1] *= 11.0
    line = refresh_cost.lines(seconds, sizes)[0]
    assert [line["cost"], line["cost_low"], line["cost_high"]] == pytest.approx([1.1, 1.1, 2.1])


def test_all_cases_are_real_work_on_the_subject():
    subject = tiny_subject()
    cases = refresh_cost.cases(subject, SIZES)
    refreshes = ((4, 3), (2, 3), (2, 5), (4, 5))
    assert set(cases) == {
        *((kind, batch, 0) for kind in (PLAIN, REFINING) for batch in (2, 4)),
        *((REFRESH, *pair) for pair in refreshes),
    }
    assert [cases[PLAIN, batch, 0][1] for batch in (2, 4)] == [2, 1]
    assert all(torch.isfinite(cases[kind, 4, 0][0]()) for kind in (PLAIN, REFINING))
    explained = []
    convolution = subject.highlighter.features[0]
    convolution.register_forward_pre_hook(lambda _module, inputs: explained.append(len(inputs[0])))
    for pair in refreshes:
        cases[REFRESH, *pair][0]()
    assert explained == [images for images, _ in refreshes]


def test_measures_every_batch_and_refresh():
    said = []
    cases = refresh_cost.cases(tiny_subject(), SIZES)
    lines = refresh_cost.lines(interleaved("cost", cases, SIZES.rounds, time.perf_counter, said.append), SIZES)
    assert len(lines) == 3 * 2 * 2
    assert all(0.0 < line["cost_low"] <= line["cost"] <= line["cost_high"] for line in lines)
    assert len(said) == SIZES.rounds


# -- counted -----------------------------------------------------------------------------------------------------------


def counted(images=64, steps=10):
    return refresh_cost.counted(SMOKE, (8, 64), images, steps, cycle=100)


def test_every_network_stands_once_for_each_batch():
    found = [(line["model"], line["size"], line["batch"]) for line in counted()]
    titles = [SMOKE["models"][name]["title"] for name in SMOKE["select"]["models"]]
    assert len(found) == len(set(found)) == 2 * len(titles)
    assert {title for title, _, _ in found} == set(titles)


def test_a_counted_cost_is_that_of_the_refresh_over_the_updates():
    run = Run(SMOKE, {"dataset": "fashion_mnist", "model": "ddpm"})
    each, explaining = (count(network, "evaluate").flops for network in (run.network(), run.highlighter()))
    line = next(line for line in counted() if (line["model"], line["batch"]) == ("DDPM", 64))
    expected = 1 + (64 * 10 * each + 64 * explaining) / (100 * 64 * 3 * each)
    assert line["cost"] == pytest.approx(expected, rel=1e-3), "an update is three evaluations but for a first gradient"
    assert line["evaluation_gflops"] == each / 1e9


def test_latent_images_are_decoded_before_they_are_explained():
    ldm = next(line for line in counted() if line["model"] == "LDM")
    bare = 64 * (10 * ldm["evaluation_gflops"] + ldm["explaining_gflops"])
    assert ldm["cost"] > 1 + bare / (100 * 3 * ldm["batch"] * ldm["evaluation_gflops"])


def test_of_very_many_steps_explaining_is_nothing_and_the_cost_that_by_evaluations():
    for line in counted(steps=10**8):
        by_evaluations = refresh_cost.cost_by_evaluations(64, 10**8, line["batch"], 100)
        if line["model"] == "Stable Diffusion":  # no gradient reaches its captions: an update is less than three passes
            assert by_evaluations < line["cost"] < 1.5 * by_evaluations
        else:
            assert line["cost"] == pytest.approx(by_evaluations, rel=0.01)
