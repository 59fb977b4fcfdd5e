"""The jobs of a plan are those that Snakemake would run."""

import re
from pathlib import Path

import pytest

from selfrefine import config
from selfrefine.commands.plan import read_params
from selfrefine.plan import jobs
from tests.workflow.project import Project

ROOT = Path(__file__).parents[2]


def stages_of(planned):
    return [job.stage for job in planned]


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["smoke", "embedded"])
def test_they_are_snakemakes(experiment):
    told = Project(ROOT).run(f"snakemake -n --forceall all --config experiment={experiment}")
    found = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    wildcards: (.*)$", told, re.MULTILINE)
    values, _ = read_params(ROOT, experiment)
    planned = jobs.of_params(values, ROOT)
    theirs = set()
    for rule, text in found:
        names = dict(name.split("=") for name in text.split(", "))
        names.pop("experiment", None)
        theirs.add((next(stage for stage in stages_of(planned) if rule.startswith(stage)), frozenset(names.items())))
    assert {(job.stage, frozenset(job.names)) for job in planned} == theirs
    assert len(planned) == len(found)


def test_a_seed_more_is_a_run_more_of_everything_but_data_and_tables():
    values, _ = read_params(ROOT, "smoke")
    one, two = (
        stages_of(jobs.of_params(config.merge(values, {"select": {"seeds": seeds}}), ROOT)) for seeds in ([3], [3, 8])
    )
    once = {"fetch_data", "fetch_weights", "prepare_data", "make_tables", "make_figures"}
    assert {stage: two.count(stage) for stage in two} == {
        stage: one.count(stage) * (1 if stage in once else 2) for stage in one
    }


def test_a_data_set_without_critic_has_no_readouts():
    values, _ = read_params(ROOT, "smoke")
    without = config.merge(values, {"select": {"highlighters": ["flaw"]}})
    gone = set(stages_of(jobs.of_params(values, ROOT))) - set(stages_of(jobs.of_params(without, ROOT)))
    assert gone == {"evaluate_readouts"}


def test_a_model_runs_where_its_data_set_lets_it():
    values, _ = read_params(ROOT, "smoke")
    second = {"models": {"other": values["models"]["ddpm"] | {"only": {"variants": ["baseline"]}}}}
    both = config.merge(values, second | {"select": {"models": ["ddpm", "other"]}})
    narrow = config.merge(both, {"datasets": {"fashion_mnist": {"only": {"models": ["ddpm"]}}}})
    assert stages_of(jobs.of_params(both, ROOT)).count("train_refined") == 2 + 1
    assert jobs.of_params(narrow, ROOT) == jobs.of_params(values, ROOT)


def test_a_folder_of_images_is_not_fetched():
    values, _ = read_params(ROOT, "smoke")
    mine = config.merge(values, {"select": {"datasets": ["my_images"]}})
    assert "fetch_data" in stages_of(jobs.of_params(values, ROOT))
    assert "fetch_data" not in stages_of(jobs.of_params(mine, ROOT))
