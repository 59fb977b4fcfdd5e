"""What the paper claims, and what keeps this run from contradicting it."""

import copy
import dataclasses

import pytest

from selfrefine.metrics.frechet import FID_NETWORK
from selfrefine.report.paper_values import PAPER_FAMILIES
from selfrefine.report.summary.papers_claim import lacks, papers_claim
from tests.support.tiny_metrics import published
from tests.support.tiny_summary import tiny_run


def at_the_papers_scale(**wrong):
    """A run that lacks nothing, but for `wrong`: size, steps, model, network, seeds or dataset."""
    right = {"size": 128, "steps": [250_000, 250_000], "model": "ddpm", "network": FID_NETWORK, "seeds": 6}
    found = right | {"dataset": "celeba_hq"} | wrong
    run = tiny_run()
    rows = copy.deepcopy(run.rows)
    rows["datasets"] = {found["dataset"]: rows["datasets"]["shapes"] | {"size": found["size"]}}
    rows["datasets"][found["dataset"]]["models"] = {"tiny": {"steps": found["steps"]}}
    rows["models"]["tiny"]["in_place_of"] = found["model"]
    network = {"network": {run.primary_network: found["network"]}, "dataset": {"shapes": found["dataset"]}}
    return dataclasses.replace(
        run,
        rows=rows,
        tables={name: table.replace(network) for name, table in run.tables.items()},
        primary_network=found["network"],
        select=run.select | {"seeds": list(range(found["seeds"]))},
    )


def test_a_run_at_the_papers_scale_bears_on_its_claim():
    told = papers_claim(at_the_papers_scale())
    assert told == (
        "The paper reports -5.2 % for Forward, -6.9 % for Both on CelebA-HQ at 128 px, 250,000 + 250,000 training "
        "steps; this run is on the same data, of that size, length and measure, so its verdicts bear on that claim."
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"size": 16}, "16 px"),
        ({"steps": [400, 100]}, "400 + 100 training steps"),
        ({"model": "ldm", "size": 256}, "250,000 + 250,000 training steps"),
        ({"network": "vgg16_conv5_gap"}, "other features than FID's (vgg16_conv5_gap)"),
        ({"seeds": 1}, "one seed of the 6 that a verdict needs"),
        ({"dataset": "shapes"}, "Shapes in its place"),
    ],
)
def test_each_thing_that_a_run_lacks_keeps_it_from_contradicting_the_paper(wrong, words):
    told = papers_claim(at_the_papers_scale(**wrong))
    assert told.endswith(f"; this run has {words}, and can neither confirm nor contradict it.")


def test_all_that_a_run_lacks_is_named():
    assert lacks(tiny_run(seeds=1), PAPER_FAMILIES["ddpm"], "celeba_hq") == [
        "Shapes in its place",
        "16 px",
        "600 + 1,500 training steps",
        "other features than FID's (vgg16_conv5_gap)",
        "one seed of the 6 that a verdict needs",
    ]


@pytest.mark.parametrize(
    "printed", [[], [published("table2", "baseline", "fid", 8.985)]], ids=["nothing", "no process"]
)
def test_without_a_figure_of_the_paper_nothing_is_compared(printed):
    told = "The paper has no figure for this data set and model, so this run can neither confirm nor contradict it."
    assert papers_claim(tiny_run(printed=printed)) == told
    assert papers_claim(at_the_papers_scale(model="unknown")) == told
