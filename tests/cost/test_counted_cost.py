"""Costs by FLOPs, against the formula with FLOPs that are counted here by hand."""

from pathlib import Path

import pytest

from selfrefine.cost import counted_cost, refresh_cost
from selfrefine.cost.flops import count
from selfrefine.cost.work import Run
from selfrefine.params import job_config, strict_yaml

ROOT = Path(__file__).parents[2]
SMOKE = job_config.merge(strict_yaml.read(ROOT / "params.yaml"), strict_yaml.read(ROOT / "experiments/smoke.yaml"))


def lines(images=64, steps=10, cycle=100):
    return counted_cost.lines(SMOKE, (8, 64), images, steps, cycle)


def test_every_network_stands_once_for_each_batch():
    found = [(line["model"], line["size"], line["batch"]) for line in lines()]
    titles = [SMOKE["models"][name]["title"] for name in SMOKE["select"]["models"]]
    assert len(found) == len(set(found)) == 2 * len(titles)
    assert {title for title, _, _ in found} == set(titles)


def test_a_cost_is_that_of_the_refresh_over_the_updates():
    run = Run(SMOKE, {"dataset": "fashion_mnist", "model": "ddpm"})
    each, explaining = count(run.network()).flops, count(run.highlighter()).flops
    line = next(line for line in lines() if (line["model"], line["batch"]) == ("DDPM", 64))
    assert line["cost"] == pytest.approx(1 + (64 * 10 * each + 64 * explaining) / (100 * 64 * 3 * each))
    assert line["evaluation_gflops"] == each / 1e9


def test_latent_images_are_decoded_before_they_are_explained():
    ldm = next(line for line in lines() if line["model"] == "LDM")
    bare = 1 + (10 * ldm["evaluation_gflops"] + ldm["explaining_gflops"]) * 64 / (
        100 * 3 * ldm["batch"] * ldm["evaluation_gflops"]
    )
    assert ldm["cost"] > bare


def test_of_very_many_steps_explaining_is_nothing_and_the_cost_that_by_evaluations():
    for line in lines(steps=10**8):
        by_evaluations = refresh_cost.cost_by_evaluations(64, 10**8, line["batch"], 100)
        assert line["cost"] == pytest.approx(by_evaluations, rel=1e-4)
