"""Time and memory of a run, from files as Snakemake writes them."""

import math

import pytest

from selfrefine.benchmarks import pipeline_time

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(folder, name, *jobs):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{seconds}\t0:00:06\t{peak}\t4048.84\t1180.66\t1193.81\t3.07\t300.75\t112.00\t7.34\n" for seconds, peak in jobs
    ]
    path.write_text(HEAD + "".join(rows))


@pytest.fixture
def benchmarks(tmp_path):
    folder = tmp_path / "embedded" / "benchmarks"  # a project's folder may be named like an experiment
    write(folder, "train_base/embedded/d/m/seed0.tsv", (100.4, 900.0))
    write(folder, "train_base/embedded/d/m/seed1.tsv", (99.6, 1000.0))
    write(folder, "train_base/smoke/d/m/seed0.tsv", (5.0, 5000.0))
    write(folder, "make_tables/embedded.tsv", (43.0, 80.0))
    write(folder, "fetch_data/fashion_mnist.tsv", (7.0, 300.0))
    return folder


def test_stages_of_the_experiment_the_longest_first(benchmarks):
    assert pipeline_time.stages(benchmarks, "embedded") == [
        {"stage": "train_base", "jobs": 2, "seconds": 200.0, "peak_mib": 1000.0, "share": 0.8},
        {"stage": "make_tables", "jobs": 1, "seconds": 43.0, "peak_mib": 80.0, "share": pytest.approx(0.172)},
        {"stage": "fetch_data", "jobs": 1, "seconds": 7.0, "peak_mib": 300.0, "share": pytest.approx(0.028)},
    ]


def test_another_experiment(benchmarks):
    found = {line["stage"]: line["seconds"] for line in pipeline_time.stages(benchmarks, "smoke")}
    assert found == {"fetch_data": 7.0, "train_base": 5.0}


def test_a_job_too_short_to_be_looked_at_has_no_peak(benchmarks):
    write(benchmarks, "make_figures/embedded.tsv", (0.5, "-"))
    write(benchmarks, "make_tables/embedded.tsv", (0.25, "NA"), (0.75, 90.0))
    found = {line["stage"]: line for line in pipeline_time.stages(benchmarks, "embedded")}
    assert math.isnan(found["make_figures"]["peak_mib"])
    assert (found["make_tables"]["seconds"], found["make_tables"]["peak_mib"]) == (0.75, 90.0), "of its last run"


def test_without_a_run_there_is_nothing(tmp_path):
    assert pipeline_time.stages(tmp_path / "benchmarks", "embedded") == []
