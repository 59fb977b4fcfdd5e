"""Days of GPUs for each table: published rates, measured shares, and jobs of several tables counted once."""

from pathlib import Path

import pytest

from selfrefine.core import files
from selfrefine.cost import gpu_days, planned_jobs, work
from selfrefine.cost.gpu_days import Card, Shares
from selfrefine.cost.loads import Run
from selfrefine.params import job_config, one_table
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
# The families that count quickly; Tables 1, 2, 3, 5, 6 and 7 have jobs of them.
PAPER = job_config.merge(
    read_params(ROOT, "paper")[0],
    {"select": {"datasets": ["celeba_hq", "celeba_hq_64", "church"], "models": ["ddpm", "uvit", "ddpm_64"]}}
    | {"models": {"ddpm": {"only": {"masks": ["wide"]}}}},
)
CARDS = [card.card for card in gpu_days.cards(ROOT)]


@pytest.fixture(scope="module")
def table():
    return gpu_days.lines(PAPER, ROOT).set_index("table")


def test_the_cards_have_published_rates_and_a_source():
    cards = gpu_days.cards(ROOT)
    assert [card.card for card in cards] == ["RTX 4090", "A100 80 GB", "H100 80 GB"]
    assert all(card.source.startswith("NVIDIA ") for card in cards)
    assert all(card.bfloat16_tflops > card.float32_tflops > 10.0 for card in cards)


def test_a_share_is_what_was_measured_over_the_dense_rate_of_that_card():
    card = Card("one", bfloat16_tflops=100.0, float32_tflops=20.0, memory_gib=1, source="")
    found = Shares({("a", "train"): 3e12, ("b", "train"): 5e12, ("c", "train"): 50e12, ("a", "measure"): 5e12}, card)
    assert found.of("a", "train") == pytest.approx(0.03)
    assert found.of("a", "measure") == pytest.approx(0.25)  # in float32
    assert found.of("unknown", "train") == pytest.approx(0.05)  # the median


def test_every_network_of_the_paper_was_measured():
    params = read_params(ROOT, "paper")[0]
    measured = {network for network, _ in gpu_days.shares(ROOT).measured}
    planned = (dict(job.names) for job in planned_jobs.of_params(params, ROOT) if job.stage == "train_base")
    assert {gpu_days.words_on(params, names) for names in planned} == measured
    assert gpu_days.is_measured(params, ROOT)
    assert not gpu_days.is_measured(read_params(ROOT, "small")[0], ROOT)


def test_table_7_on_the_measured_card_takes_its_flops_over_the_measured_rates(table):
    """Of the diffusion network, nearly all of it, worked out here from the page of measurements alone."""
    lines = files.read_json(ROOT / gpu_days.MEASURED)["speed"]
    rates = {line["action"]: 1e12 * line["teraflops"] for line in lines if line["network"] == "DDPM, 128 px"}
    jobs = planned_jobs.of_table(PAPER, ROOT, "table7")
    network = Run(PAPER, {"dataset": "celeba_hq", "model": "ddpm"}).network()
    loads = [load for job, small in jobs.items() for load in work.of_job(small, job).loads if load.network == network]
    by_kind = {kind: sum(load.flops for load in loads if load.kind == kind) for kind in ("train", "evaluate")}
    days = (by_kind["train"] / rates["training"] + by_kind["evaluate"] / rates["sampling, a step"]) / 86400
    assert days == pytest.approx(table.loc["table7", "H100 80 GB"], rel=0.03)
    assert days < table.loc["table7", "H100 80 GB"]


def test_a_card_of_half_the_rate_takes_twice_as_long(table):
    """Nearly: what measures computes in float32, of which cards have other parts."""
    slow, _, fast = gpu_days.cards(ROOT)
    ratio = fast.bfloat16_tflops / slow.bfloat16_tflops
    assert list(table[slow.card] / table[fast.card]) == pytest.approx([ratio] * len(table), rel=0.03)


def test_shared_jobs_are_counted_once_in_all_and_told_of_each_table(table):
    """Table 6 has no job that the others have not but the one that writes it; all share the base models."""
    tables, together = table.drop(index=gpu_days.TOGETHER), table.loc[gpu_days.TOGETHER]
    jobs = {name: planned_jobs.of_table(PAPER, ROOT, name) for name in one_table.TABLES}
    assert list(tables.index) == [name for name in one_table.TABLES if jobs[name]]
    assert "table4" not in tables.index
    assert together["jobs"] == len({job for found in jobs.values() for job in found}) < tables["jobs"].sum()
    for column in ("flops", *CARDS):
        assert tables[column].max() < together[column] < tables[column].sum()
    assert together["own_flops"] == pytest.approx(together["flops"])
    assert tables.loc["table6", "own_flops"] == 0 < tables.loc["table6", "flops"]
    # Forward and reverse are of Table 2 alone: two refinements of each seed, their samples and features.
    refined, sampled = (
        sum(load.flops for job, small in jobs["table2"].items() if job.stage == stage
            and dict(job.names)["variant"] in ("forward", "reverse") for load in work.of_job(small, job).loads)
        for stage in ("train_refined", "generate_samples")
    )  # fmt: skip
    assert refined + sampled == pytest.approx(tables.loc["table2", "own_flops"], rel=0.01)


def test_the_text_says_what_it_rests_on(table):
    told = gpu_days.text(table.reset_index(), ROOT)
    assert "together: each job once" in told
    assert "No other card was measured." in told
    assert "training 0.3% to 11.5%" in told
    assert [line.split()[0] for line in told.splitlines() if line.startswith(("table", "together"))] == [*table.index]
