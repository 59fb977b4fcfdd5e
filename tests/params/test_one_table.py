"""One table alone: which jobs it has, in every experiment, and that they are those of the whole experiment."""

import csv
from pathlib import Path

import pytest

from selfrefine.cost import planned_jobs
from selfrefine.params import job_config, one_table
from selfrefine.params.experiment import read_params

ROOT = Path(__file__).parents[2]
EXPERIMENTS = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))
PARAMS = {name: read_params(ROOT, name)[0] for name in EXPERIMENTS}
# Stages of `all` that are of none of the paper's tables.
OURS = {
    "prepare_study",
    "evaluate_study",
    "evaluate_maps",
    "evaluate_readouts",
    "make_tables",
    "make_figures",
    "make_summary",
}


def of_table(experiment, table):
    return planned_jobs.of_table(PARAMS[experiment], ROOT, table)


def without_table(job):
    """The job of the whole experiment that measures these rows, too."""
    return job._replace(names=tuple(pair for pair in job.names if pair[0] != one_table.WILDCARD))


@pytest.mark.parametrize("table", one_table.TABLES)
def test_the_jobs_of_a_table_are_some_of_all_with_the_same_config(table):
    """In every experiment; but for its own, which makes it, and those that measure some of the rows of a job of all."""
    for experiment, params in PARAMS.items():
        jobs, every = of_table(experiment, table), {*planned_jobs.of_params(params, ROOT)}
        own = {job for job in jobs if one_table.WILDCARD in dict(job.names)}
        assert {*jobs} - own < every, experiment
        for job, small in jobs.items():
            names = dict(job.names)
            if job not in own:
                assert job_config.job(small, job.stage, names) == job_config.job(params, job.stage, names), job
            elif job.stage != one_table.STAGE:
                assert job.stage in one_table.MEASURED
                assert without_table(job) in every
                fewer, whole = one_table.job(params, job.stage, names), job_config.job(params, job.stage, names)
                assert {*fewer["variants"], *fewer["samplings"]} < {*whole["variants"], *whole["samplings"]}
                assert {leaf for leaf in whole if fewer[leaf] != whole[leaf]} <= {"variants", "samplings"}
        assert [job.stage for job in own].count(one_table.STAGE) == bool(jobs)


@pytest.mark.parametrize("experiment", ["embedded", "paper"])
def test_all_tables_together_are_all_but_what_the_paper_has_not(experiment):
    """Of embedded, the rows that are controls of ours and what measures them are left."""
    params = PARAMS[experiment]
    together = {without_table(job) for table in one_table.TABLES for job in of_table(experiment, table)}
    left = [job for job in planned_jobs.of_params(params, ROOT) if job not in together and job.stage not in OURS]
    rows = {dict(job.names)["variant"] for job in left}
    controls = {"uniform", "cells", "real_map_matched", "both_cycle_10"}
    assert {row for row in rows if row in params["variants"]} == (controls if experiment == "embedded" else set())
    of_controls = {row for row in rows - controls if params["samplings"][row]["of"] in controls}
    of_maps = {row for row in rows - controls if params["samplings"][row]["of"] in one_table.MAPS}
    assert rows - controls - of_controls - of_maps <= {"baseline_time_shift"}
    assert {job.stage for job in left} <= {"train_refined", "generate_samples", "choose_eps_scale"}


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("table2", {"baseline", *one_table.PROCESSES}),
        ("table3", {"baseline", one_table.METHOD}),
        ("table7", {"baseline", one_table.METHOD, *one_table.MAPS}),
    ],
)
def test_a_table_has_the_rows_that_the_paper_prints(table, rows):
    with (ROOT / "workflow/resources/paper_values.csv").open() as stream:
        printed = {line["row"] for line in csv.DictReader(stream) if line["table"] == table}
    assert printed == rows
    jobs = [dict(job.names) for job in of_table("paper", table) if job.stage == "train_refined"]
    assert {names["variant"] for names in jobs if names["dataset"] == "celeba_hq"} == rows


@pytest.mark.parametrize(
    ("table", "stages"),
    [
        ("table5", {"generate_samples", "extract_features", "evaluate_generation", "evaluate_prompts"}),
        ("table6", {"train_refined", "generate_samples", "inpaint_images", "evaluate_generation"}),
        ("table2", {"inpaint_images", "evaluate_prompts", "train_autoencoder", "encode_data"}),
    ],
)
def test_a_table_needs_no_stage_that_it_does_not_show(table, stages):
    assert not stages & {job.stage for job in of_table("paper", table)}


def test_models_of_other_tables_are_not_trained():
    def trained(table):
        return {
            (names["dataset"], names["model"])
            for names in (dict(job.names) for job in of_table("paper", table) if job.stage == "train_base")
        }

    assert trained("table2") == trained("table7") == {("celeba_hq", "ddpm")}
    assert trained("table3") == {("celeba_hq", "ddpm"), ("flowers", "ddpm"), ("church", "ddpm_64")}
    assert trained("table4") == {("coco", "stable_diffusion")}
    assert trained("table5") == {("celeba_hq", "improved_ddpm")}
    families = {("celeba_hq", "improved_ddpm"), ("celeba_hq_64", "uvit"), ("celeba_hq_256", "ldm")}
    assert trained("table1") == {("celeba_hq", "ddpm"), *families}
    assert trained("table6") == trained("table1") | trained("table3")


def test_a_verdict_that_is_corrected_for_what_was_listed_has_all_that_was_listed():
    params = PARAMS["small"]
    listed = {row for pair in params["make_tables"]["confirmatory"] for row in pair[:2]}
    mains = {name: job_config.main_model(params, name) for name in job_config.selected(params, "datasets")}
    for table in one_table.JUDGED:
        small = one_table.narrowed(params, table)
        for dataset, model in mains.items():
            if model:
                kept = job_config.selected(small, "variants", dataset, model)
                assert {*kept} >= listed & {*job_config.selected(params, "variants", dataset, model)}
        second = {"baseline_ancestral", "both_ancestral"}
        assert second <= {*job_config.selected(small, "samplings", "fashion_mnist", "ddpm")}


def test_what_a_page_lacks_is_told():
    told = {table: list(one_table.lacks(PARAMS["paper"], table)) for table in one_table.TABLES}
    assert told == {
        **{table: [] for table in ("table3", "table4", "table5", "table7")},
        "table1": ["the autoencoder of Stable Diffusion on MS-COCO"],
        "table2": ["DDPM on Oxford 102 Flower", "DDPM at 64 px on LSUN Church"],
        "table6": ["Stable Diffusion on MS-COCO", "whether maps of refinements were flat"],
    }


def test_an_experiment_without_a_table_has_no_jobs_of_it():
    assert {table for table in one_table.TABLES if not of_table("sweep", table)} == {"table4", "table5", "table7"}
