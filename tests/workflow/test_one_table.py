"""`snakemake all_table2`: the jobs that the plan counts, and the tables that `all` writes."""

import re
from collections import Counter

import pytest

from selfrefine.cost import planned_jobs
from selfrefine.params import one_table
from tests.support.job_list import ROOT, STAGES, project_params
from tests.support.project import STARTS, Project

HERE = Project(ROOT)


def planned(told):
    """Stage and wildcards of each job of a dry run."""
    jobs = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    wildcards: (.*)$", told, re.MULTILINE)
    found = []
    for rule, text in jobs:
        names = dict(name.split("=") for name in text.split(", "))
        names.pop("experiment", None)
        stage = max((stage for stage in (*STAGES, one_table.STAGE) if rule.startswith(stage)), key=len)
        found.append((stage, frozenset(names.items())))
    assert len(set(found)) == len(found)
    return set(found)


@pytest.mark.slow
def test_a_target_plans_the_jobs_that_the_plan_counts():
    """Of smoke, which has nothing of Table 7, all tables in one dry run."""
    params, tables = project_params("smoke"), one_table.TABLES[:6]
    expected = {job for table in tables for job in planned_jobs.of_table(params, ROOT, table)}
    told = HERE.run(f"snakemake -n --forceall {' '.join(f'all_{name}' for name in tables)} --config experiment=smoke")
    assert planned(told) == {(job.stage, frozenset(job.names)) for job in expected}


@pytest.mark.slow
def test_after_all_a_table_alone_only_measures_its_own_rows_and_has_the_same_bytes(project):
    """Of smoke, which has one data set: Table 2 alone lacks none. Table 6 alone is without Stable Diffusion."""
    tables = ["table2", "table5", "table6"]
    told = project.run(f"snakemake {' '.join(f'all_{name}' for name in tables)} --cores 1 --resources gpu=1")
    started = [label.split()[0] for label in STARTS.findall(told)]
    measured = {"extract_features_table": 1, "evaluate_generation_table": 1}
    assert Counter(started) == measured | {"make_table": len(tables)}
    whole, alone = project.root / "results/tables/smoke", project.root / "results/make_table/smoke"
    for file in ("table2.csv", "table2.md", "table5.csv", "table5.md"):
        assert (alone / file.partition(".")[0] / file).read_bytes() == (whole / file).read_bytes(), file
    lines = (alone / "table6" / "table6.csv").read_text().splitlines()
    assert set(lines) < set((whole / "table6.csv").read_text().splitlines())
    assert "- Stable Diffusion on Fashion-MNIST\n" in (alone / "table6" / "table6.md").read_text()
    assert "Nothing to be done" in project.run("snakemake -n all_table2 all_table5 all_table6 all")
    assert "nothing changed" in project.run("selfrefine why results/make_table/smoke/table2/table2.csv")
