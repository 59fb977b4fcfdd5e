"""Time and memory of a run, from files as Snakemake writes them."""

import math

import pytest

from selfrefine.cost import recorded_time

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(root, name, *jobs):
    """The files of a job that was run some times: its seconds and peaks."""
    benchmark, log = root / "benchmarks" / f"{name}.tsv", root / "logs" / f"{name}.log"
    for path in (benchmark, log):
        path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{seconds}\t0:00:06\t12.9\t4048.84\t1180.66\t1193.81\t3.07\t300.75\t112.00\t7.34\n" for seconds, _ in jobs]
    benchmark.write_text(HEAD + "".join(rows))
    log.write_text(f"step 9/9, 0:00:00 left\njob: peak memory {jobs[-1][1]} MiB\n")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "embedded"  # a project's folder may be named like an experiment
    write(folder, "train_base/embedded/d/m/seed0", (100.4, 900))
    write(folder, "train_base/embedded/d/m/seed1", (99.6, 1000))
    write(folder, "train_base/smoke/d/m/seed0", (5.0, 5000))
    write(folder, "make_tables/embedded", (43.0, 80))
    write(folder, "fetch_data/fashion_mnist", (7.0, 300))
    return folder


def test_stages_of_the_experiment_the_longest_first(root):
    assert recorded_time.stages(root, "embedded") == [
        {"stage": "train_base", "jobs": 2, "seconds": 200.0, "peak_mib": 1000.0, "share": 0.8},
        {"stage": "make_tables", "jobs": 1, "seconds": 43.0, "peak_mib": 80.0, "share": pytest.approx(0.172)},
        {"stage": "fetch_data", "jobs": 1, "seconds": 7.0, "peak_mib": 300.0, "share": pytest.approx(0.028)},
    ]


def test_another_experiment(root):
    found = {line["stage"]: line["seconds"] for line in recorded_time.stages(root, "smoke")}
    assert found == {"fetch_data": 7.0, "train_base": 5.0}


def test_the_last_run_counts_and_a_job_that_told_no_peak_has_none(root):
    write(root, "make_tables/embedded", (0.25, 95), (0.75, 90))
    write(root, "make_figures/embedded", (0.5, 70))
    (root / "logs/make_figures/embedded.log").write_text("killed before its last line\n")
    write(root, "fetch_weights/vgg16", (0.5, 70))
    (root / "logs/fetch_weights/vgg16.log").unlink()
    found = {line["stage"]: line for line in recorded_time.stages(root, "embedded")}
    assert math.isnan(found["make_figures"]["peak_mib"])
    assert math.isnan(found["fetch_weights"]["peak_mib"])
    assert (found["make_tables"]["seconds"], found["make_tables"]["peak_mib"]) == (0.75, 90.0)


def test_without_a_run_there_is_nothing(tmp_path):
    assert recorded_time.stages(tmp_path, "embedded") == []
