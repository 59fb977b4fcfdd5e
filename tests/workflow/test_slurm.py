"""The profile for clusters on a real Slurm: a run of the smoke experiment in which a training is disturbed.

Its job is cancelled, is over its memory when it is tried again, then reaches its time limit, and at last loses its
node; what follows from it runs on.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from selfrefine.params import job_config
from tests.support import slurm
from tests.support.project import Project

pytestmark = pytest.mark.slow

COMMAND = "snakemake all --workflow-profile profiles/slurm --retries 3"
TRAINING = "train_highlighter/smoke/fashion_mnist/ddpm/label_shuffled/seed0"
# What is made of the training by way of one stage, and what all tables are made of: gone, it is made again.
REMOVED = (f"models/{TRAINING}", "results/evaluate_maps/smoke/fashion_mnist/ddpm", "results/tables", "results/figures")
STAGES = ["evaluate_highlighter", "evaluate_maps", "make_figures", "make_summary", "make_tables", "train_highlighter"]
# The plugin looks for jobs that have ended after 40 s, then ever more seldom; these jobs take seconds.
LOOK_OFTEN = """
import asyncio
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.sleep = lambda _: asyncio.sleep(1)
"""
TOO_LITTLE, ENOUGH = 900, 6000  # MiB; the training takes 1300 with Snakemake
MEMORY = f"""
set-resources:
  train_highlighter:
    mem_mb: {TOO_LITTLE} if attempt == 2 else {ENOUGH}
"""
PATIENCE = 1200  # s, on a machine that others use


@dataclass
class Run:
    """What the run did.

    Args:
        project: with its results.
        told: what the command printed.
        kept: the last step that was kept when it was cancelled, and when its time was up.
        logs: Slurm's, of the training's jobs that failed, by their numbers.
        jobs: Slurm's words on the jobs of each stage, in their order.
    """

    project: Project
    told: str = ""
    kept: list[int] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, list[dict[str, str]]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ran(smoke: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The run, with everything that happens to its training."""
    with slurm.running() as cluster:
        run = Run(smoke.copy(tmp_path_factory.mktemp("slurm") / "project"))
        root = run.project.root
        run.project.run(f"rm -r {' '.join(REMOVED)}")
        for name, more in (("Snakefile", LOOK_OFTEN), ("profiles/slurm/config.yaml", MEMORY)):
            (root / name).write_text((root / name).read_text() + more)
        command = run.project.start(COMMAND)
        try:
            _disturb(run, command, cluster)
            run.told, _ = command.communicate(timeout=PATIENCE)
        finally:
            command.kill()
        assert command.returncode == 0, run.told
        for path in sorted(root.glob(".snakemake/slurm_logs/rule_train_highlighter/**/*.log")):
            run.logs[path.stem] = path.read_text()
        for line in cluster.try_out("scontrol", "show", "job", "--oneliner").splitlines():
            job = dict(word.split("=", 1) for word in line.split() if "=" in word)
            run.jobs.setdefault(re.sub(r"^rule_|_wildcards_.*$", "", job["Comment"]), []).append(job)
        yield run
        run.project.remove()


def _disturb(run: Run, command: subprocess.Popen[str], cluster: slurm.Slurm) -> None:
    """Cancels the first job in its training, awaits the end of the second, lets the third's time and the fourth's node
    end.
    """
    scratch = run.project.root / "scratch" / TRAINING

    def wait(happened: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not happened():
            assert command.poll() is None, f"{what}: the run ended before\n{command.communicate()[0]}"
            assert time.monotonic() < end, f"{what}: not in {PATIENCE} s"
            time.sleep(0.05)

    wait(lambda: bool(_steps(scratch)), "a checkpoint")
    (first,) = [line.split()[0] for line in cluster.jobs("%A %T") if line.endswith("RUNNING")]
    cluster.try_out("scancel", first)
    wait(lambda: f"{first} CANCELLED" in cluster.jobs("%A %T"), "the end of the job")
    run.kept.append(max(_steps(scratch)))
    wait(lambda: "FAILED" in cluster.jobs("%T") or "OUT_OF_MEMORY" in cluster.jobs("%T"), "a job over its memory")
    killed = _process(scratch)
    wait(lambda: _process(scratch) not in (0, killed), "the third job")
    third, training = cluster.jobs("%A")[-1], _process(scratch)
    os.kill(training, signal.SIGSTOP)  # else it would be over before Slurm looks at its time; its SIGTERM wakes it
    cluster.try_out("scontrol", "update", f"jobid={third}", "endtime=now")
    wait(lambda: f"{third} TIMEOUT" in cluster.jobs("%A %T"), "the end of its time")
    run.kept.append(max(_steps(scratch)))
    wait(lambda: _process(scratch) not in (0, training), "the fourth job")
    cluster.cut_power()
    cluster.start_node()
    wait(cluster.hurry, "the job that waits for its node")


def _process(scratch: Path) -> int:
    """The process that holds the training's lock, or was killed with it; 0 if none is."""
    holder = scratch / "lock.holder"
    words = holder.read_text().split() if holder.exists() else []
    return int(words[1]) if words else 0


def _steps(scratch: Path) -> list[int]:
    """The steps of the checkpoints that are there."""
    paths = scratch.rglob("checkpoint*.safetensors")
    return sorted(int(path.name.partition(".")[0].removeprefix("checkpoint")) for path in paths)


def files(project: Project, folder: str) -> dict[str, bytes]:
    """The files of a folder, but for records of times and machines."""
    paths = [path for path in (project.root / folder).rglob("*") if path.suffix in (".csv", ".md", ".safetensors")]
    return {str(path.relative_to(project.root)): path.read_bytes() for path in paths}


def test_every_table_has_the_bytes_of_the_run_on_one_machine(ran: Run, smoke: Project) -> None:
    assert sorted(ran.jobs) == STAGES
    assert len(files(smoke, "results/tables")) > 20
    for folder in ("results/tables", f"models/{TRAINING}", "results/evaluate_maps", "results/evaluate_highlighter"):
        assert files(ran.project, folder) == files(smoke, folder)


@pytest.mark.parametrize(("place", "state"), [(0, "CANCELLED"), (2, "TIMEOUT")])
def test_a_job_that_is_told_to_end_keeps_its_last_update_and_ends_before_slurm_kills_it(
    ran: Run, place: int, state: str
) -> None:
    told = ran.jobs["train_highlighter"][place]
    assert told["JobState"] == state
    assert "Killed" not in ran.logs[told["JobId"]]  # as Slurm would 30 s after SIGTERM, and as the second job is
    assert "Killed" in ran.logs[ran.jobs["train_highlighter"][1]["JobId"]]
    step = ran.kept[place // 2]
    assert step >= 2
    assert f"going on after step {step}\n" in (ran.project.root / "logs" / f"{TRAINING}.log").read_text()


def test_a_job_over_its_memory_is_tried_again_with_more(ran: Run) -> None:
    first, second, third, fourth = ran.jobs["train_highlighter"]
    assert second["JobState"] in ("FAILED", "OUT_OF_MEMORY")
    assert "exceeded memory limit" in ran.logs[second["JobId"]]
    asked = [ENOUGH, TOO_LITTLE, ENOUGH, ENOUGH]
    assert [job["MinMemoryNode"] for job in (first, second, third, fourth)] == [f"{size}M" for size in asked]


def test_a_job_whose_node_went_down_is_the_same_job_when_it_is_back(ran: Run) -> None:
    last = ran.jobs["train_highlighter"][-1]
    assert (last["JobState"], last["Restarts"]) == ("COMPLETED", "1")
    assert [job["Restarts"] for jobs in ran.jobs.values() for job in jobs].count("1") == 1


def test_who_computes_with_torch_asks_for_one_gpu_and_one_task_and_no_other_for_any(ran: Run) -> None:
    for stage, (*_, job) in ran.jobs.items():
        gpus = job.get("TresPerJob", "")
        assert gpus == ("gres:gpu:1" if stage in job_config.SHARED["device"] else ""), stage
        assert (job["NumTasks"], job["NumCPUs"]) == ("1", "1")
        if stage != "train_highlighter":
            assert (job["MinMemoryNode"], job["TimeLimit"]) == ("16000M", "1-00:00:00")
