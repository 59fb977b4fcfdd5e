"""SIGTERM to Snakemake and all that it started, as Slurm sends it: the training keeps its last update."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.project import Project

pytestmark = pytest.mark.slow

FOLDER, EVERY = "train_base/smoke/my_images/ddpm/seed0", 20


@pytest.fixture
def training(fresh: Project) -> Project:
    """A project whose base model trains on images of its own for some seconds."""
    folder = fresh.root / "downloads" / "my_images"
    folder.mkdir(parents=True)
    for index, pixels in enumerate(np.random.default_rng(0).integers(0, 255, (120, 64, 64, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    fresh.set("experiment", "smoke")
    fresh.set("select.datasets", ["my_images"])
    fresh.set("datasets.my_images.prepare_data.minimum_images", 120)
    for leaf in ("extract_features.n_images", "evaluate_highlighter.n_planted", "inpaint_images.n_images"):
        fresh.set(f"datasets.my_images.{leaf}", 4)  # of the few that the test split has
    fresh.set("datasets.my_images.evaluate_readouts", {"mechanism_images": 4, "n_images": 4})
    fresh.set("train_base.steps", 3 * EVERY)
    fresh.set("train_base.checkpoint_every", EVERY)
    return fresh


def checkpoints(project: Project) -> list[int]:
    """The steps of the checkpoints that are there."""
    paths = (project.root / "scratch" / FOLDER).rglob("checkpoint*.safetensors")
    return sorted(int(path.name.partition(".")[0].removeprefix("checkpoint")) for path in paths)


def processes(group: int) -> list[str]:
    """What runs in a group of processes, without what has ended and waits for its parent."""
    told = subprocess.check_output(["ps", "-e", "-o", "pgid=,stat=,args="], text=True)
    lines = [line.split(maxsplit=2) for line in told.splitlines()]
    return [line[2] for line in lines if line[0] == str(group) and not line[1].startswith("Z")]


def test_as_on_a_node_of_a_cluster_snakemake_waits_for_the_checkpoint(training: Project) -> None:
    """The plugin for Slurm runs stock Snakemake, whose jobs have no server."""
    command = f"{sys.executable} -m snakemake --cores 1 models/{FOLDER}/loss.csv"
    log = Path(training.root, "told")
    with log.open("w") as told:
        run = subprocess.Popen(
            command.split(),
            cwd=training.root,
            env=training.environment(),
            stdout=told,
            stderr=told,
            start_new_session=True,
        )
    while not checkpoints(training):
        assert run.poll() is None, log.read_text()
        time.sleep(0.02)
    time.sleep(0.2)
    os.killpg(run.pid, signal.SIGTERM)
    began = time.monotonic()
    assert run.wait(60) != 0
    assert time.monotonic() - began < 20
    assert processes(run.pid) == []
    *_, step = checkpoints(training)
    assert EVERY < step < 2 * EVERY
    assert f"going on after step {step}\n" in training.run(command)
    assert re.search(r"step 60/60", (training.root / "logs" / f"{FOLDER}.log").read_text())
