"""The experiment sweep has the paper's search space, one factor at a time, each arm beside a fair baseline."""

import dataclasses
from pathlib import Path

import torch

from selfrefine.cost import planned_jobs, work
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params
from selfrefine.report import results
from selfrefine.report.tables import sweep
from selfrefine.training.settings import Settings
from tests.support.tiny import tiny_trainer
from tests.support.tiny_refined import refreshes

ROOT = Path(__file__).parents[2]
VALUES, ABSENT = read_params(ROOT, "sweep")
CYCLES, RATIOS = [10, 50, 100, 500, 1000], [0.25, 1.0, 4.0]  # section 4.1 of the paper
WEIGHTS = [0.01, 0.025, 0.05, 0.1]
DATASET = "fashion_mnist"
PAIRS = [(model, variant) for model in VALUES["select"]["models"]
         for variant in job_config.selected(VALUES, "variants", DATASET, model)]  # fmt: skip


def refined(model, variant):
    """The config that train_refined keeps of the run."""
    names = {"dataset": DATASET, "model": model, "variant": variant, "seed": "0"}
    return job_config.job(VALUES, "train_refined", names)


def series():
    words = job_config.job(VALUES, "make_tables", {})["rows"]
    runs = results.runs([(refined(model, variant), refreshes([])) for model, variant in PAIRS])
    return sweep.series(sweep.arms(runs, words))


def found():
    """(factor, series) -> settings."""
    return series().groupby(["factor", "series"])["setting"].agg(list).to_dict()


def planned(stage):
    return [job for job in planned_jobs.of_params(VALUES, ROOT) if job.stage == stage]


def test_nothing_is_wrong_with_it():
    assert ABSENT == []


def test_each_series_takes_every_value_of_the_paper():
    assert found() == {
        ("cycle", "both"): CYCLES,
        (sweep.RATIO, "both"): RATIOS,
        ("forward_weight", "both"): WEIGHTS,
        ("forward_weight", "forward"): WEIGHTS,
        ("forward_weight", "forward, map uniform"): [0.01, 0.1],
        ("reverse_weight", "both"): WEIGHTS,
        ("reverse_weight", "reverse"): WEIGHTS,
        ("reverse_weight", "reverse, map uniform"): [0.025, 0.1],
    }


def test_no_row_stands_there_for_nothing():
    """Each has a place in a series, but for the baselines; and what the file says of their number holds."""
    placed = {*series()[["model", "row"]].itertuples(index=False, name=None)}
    assert {pair for pair in PAIRS if pair[1] != "baseline"} == placed
    assert {variant for _, variant in PAIRS} == set(VALUES["select"]["variants"])
    told = (ROOT / "experiments" / "sweep.yaml").read_text()
    seeds = len(VALUES["select"]["seeds"])
    assert (len(planned("train_base")), len(planned("train_refined"))) == (3 * seeds, 28 * seeds)
    assert "A seed: 3 base models and highlighters, 28 refinements." in told


def test_the_paper_s_five_cycles_are_five_here():
    """Refreshes at the first step and at multiples of the cycle: no two cycles make equally many."""
    steps = job_config.job(VALUES, "train_base", {"dataset": DATASET, "model": "ddpm"})["steps"]
    refined_steps = refined("ddpm", "both")["steps"]
    assert [work.refreshes(steps, refined_steps, cycle) for cycle in CYCLES] == [100, 20, 10, 2, 1]


def test_only_the_ratio_differs_between_its_models():
    """Network, total of steps and rate at every step are equal: the baselines are one and the same training."""
    bases = {model: job_config.job(VALUES, "train_base", {"dataset": DATASET, "model": model}) for model in
             VALUES["select"]["models"]}  # fmt: skip
    lengths = {model: (base.pop("steps"), refined(model, "both")["steps"]) for model, base in bases.items()}
    assert lengths == {"ddpm": (1000, 1000), "ddpm_1to4": (400, 1600), "ddpm_4to1": (1600, 400)}
    plain = [base | {"names": {}} for base in bases.values()]
    assert plain[0] == plain[1] == plain[2]
    leaves = {field.name: bases["ddpm"].get(field.name) for field in dataclasses.fields(Settings)}
    rates = {
        model: [Settings(**leaves | {"base_steps": steps}).rate(step) for step in range(2000)]
        for model, (steps, _) in lengths.items()
    }
    assert rates["ddpm"] == rates["ddpm_1to4"] == rates["ddpm_4to1"]


def test_at_a_constant_rate_plain_training_does_not_depend_on_where_the_base_phase_ends():
    """Real updates, bit by bit; a rate that falls within the base phase tells the two apart."""

    def trained(base_steps, **settings):
        trainer = tiny_trainer(base_steps=base_steps, **settings)
        for _ in range(6):
            trainer.update(None, None)
        return trainer.tensors()

    def equal(one, other):
        return all(torch.equal(one[name], other[name]) for name in one)

    constant = {"decay_at": 1.0, "decay_factor": 1.0}
    assert equal(trained(2, **constant), trained(5, **constant))
    assert not equal(trained(2), trained(5))
