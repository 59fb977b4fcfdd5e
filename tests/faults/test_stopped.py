"""SIGTERM or Ctrl-C in a training: it keeps its last update, ends with one line, and goes on bit-equal from there."""

import ctypes
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from selfrefine.core import arrays, files, prefetch, progress, stopping
from selfrefine.core.job import Job
from selfrefine.stages import train_classifier, train_highlighter
from tests.support import children, tiny, tiny_highlighter, tiny_latent
from tests.support.children import Child, Pause, before_rename, in_update, run_command
from tests.support.tiny import bytes_below
from tests.support.tiny_garments import garments


@dataclass(frozen=True)
class Kind:
    """A training of a stage, and in which update, from 1, it is asked to end: none that is kept anyway."""

    job: Any
    update: int
    first_step: int = 0


def base(given: Path, folder: Path) -> Job[Any, Any, Any]:
    return tiny.base_job(given / "images.npy", folder / "base", log_every=5)


def refined(given: Path, folder: Path, **switches: Any) -> Job[Any, Any, Any]:
    highlighter = given / "highlighter.safetensors"
    return tiny.refined_job(given / "images.npy", given / "base", highlighter, folder / "refined", **switches)


def autoencoder(given: Path, folder: Path) -> Job[Any, Any, Any]:
    return tiny_latent.autoencoder_job(given / "large_images.npy", folder / "autoencoder", log_every=5)


def classifier(given: Path, folder: Path) -> Job[Any, Any, Any]:
    inputs = train_classifier.Inputs(*(given / name for name in ("train.npy", "train.csv", "test.npy", "test.csv")))
    outputs = train_classifier.Outputs(folder / "classifier.safetensors", folder / "metrics.csv")
    settings = {"steps": 12, "batch_size": 16, "learning_rate": 0.01, "weight_decay": 0.01, "checkpoint_every": 3}
    names = {"dataset": "shapes"}
    config = train_classifier.Config(names=names, device="cpu", precision="float32", draw=0, **settings)
    return Job("train_classifier", config, inputs, outputs)


def highlighter(given: Path, folder: Path) -> Job[Any, Any, Any]:
    inputs = train_highlighter.Inputs(given / "real.npy", given / "fake.npy", given / "weights", ())
    outputs = train_highlighter.Outputs(folder / "highlighter.safetensors", folder / "loss.csv")
    config = train_highlighter.Config(
        names={"dataset": "shapes", "highlighter": "flaw", "model": "tiny", "seed": "0"},
        device="cpu",
        precision="float32",
        input_size=32,
        steps=4,
        batch_size=2,
        learning_rate=1e-3,
        weight_decay=0.01,
        validate_every=2,
        shortcut_guard=True,
        noised=False,
        shuffle_labels=False,
        draw=0,
        n_fakes=20,
        horizontal_flip=False,
    )
    return Job("train_highlighter", config, inputs, outputs)


KINDS = {
    "base": Kind(base, 8),
    "refined": Kind(refined, 8, tiny.STEPS),
    "projected": Kind(partial(refined, map="cells", projection="conv3"), 5, tiny.STEPS),
    "autoencoder": Kind(autoencoder, 8),
    "classifier": Kind(classifier, 8),
    "highlighter": Kind(highlighter, 3),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inputs of every kind."""
    folder = tmp_path_factory.mktemp("given")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter.safetensors")
    tiny_latent.write_large_images(folder / "large_images.npy")
    for name, striped in (("real", False), ("fake", True)):
        arrays.write_array(folder / f"{name}.npy", tiny_highlighter.images(20, 16, striped=striped))
    tiny_highlighter.write_weights(folder / "weights")
    for seed, (split, count) in enumerate({"train": 80, "test": 30}.items()):
        images, labels = garments(count, seed=seed)
        arrays.write_array(folder / f"{split}.npy", images)
        files.write_table(folder / f"{split}.csv", pd.DataFrame({"label": labels, "caption": "a garment"}))
    assert run_command(base(folder, folder), folder / "log").code == 0
    return folder


@pytest.fixture(scope="module")
def unbroken(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a kind of job leaves without a break; each runs once."""
    known: dict[str, dict[str, bytes]] = {}

    def of(kind: str) -> dict[str, bytes]:
        if kind not in known:
            folder = tmp_path_factory.mktemp(kind)
            ended = run_command(KINDS[kind].job(given, folder / "out"), folder / "log")
            assert ended.code == 0, ended.err
            known[kind] = bytes_below(folder / "out")
        return known[kind]

    return of


def ask(*numbers: signal.Signals) -> None:
    """Signals of others, one after another."""
    for number in numbers:
        os.kill(os.getpid(), number)


def told_step(ended: children.Ended, label: str, name: str) -> int:
    """The step of the one line with which a training ended."""
    line = rf"{label}: stopped by {name} after step (\d+); the same command goes on from there\n"
    found = re.fullmatch(line, ended.err)
    assert found, ended.err
    assert ended.code == 1
    return int(found[1])


def goes_on(kind: str, given: Path, folder: Path, unbroken: Any) -> str:
    """Runs the same command again; returns what it printed."""
    ended = run_command(KINDS[kind].job(given, folder / "out"), folder / "log")
    assert (ended.code, ended.err) == (0, "")
    assert bytes_below(folder / "out") == unbroken(kind)
    return ended.out


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_last_update_is_kept_and_the_rest_is_bit_equal(given, tmp_path, unbroken, kind, name):
    job, update = KINDS[kind].job(given, tmp_path / "out"), KINDS[kind].update
    ended = run_command(job, tmp_path / "log", partial(in_update, update, partial(ask, signal.Signals[name])))
    step = told_step(ended, job.label, name)
    assert step == KINDS[kind].first_step + update
    assert f"going on after step {step}\n" in goes_on(kind, given, tmp_path, unbroken)


def draws_in_a_thread(fault: children.Fault) -> None:
    """As for a GPU, in a child with this fault."""
    prefetch.in_a_thread = lambda _device: True
    fault()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGKILL"])
@pytest.mark.parametrize("kind", ["refined", "autoencoder"])
def test_a_thread_that_draws_the_next_steps_changes_nothing(given, tmp_path, unbroken, kind, name):
    job, update = KINDS[kind].job(given, tmp_path / "out"), KINDS[kind].update
    fault = partial(in_update, update, partial(ask, signal.Signals[name]))
    ended = run_command(job, tmp_path / "log", partial(draws_in_a_thread, fault))
    if name == "SIGKILL":
        assert ended.code == -signal.SIGKILL
    else:
        assert told_step(ended, job.label, name) == KINDS[kind].first_step + update
    assert "going on after step" in goes_on(kind, given, tmp_path, unbroken)


@pytest.mark.parametrize("kind", ["base", "autoencoder", "classifier"])
@pytest.mark.parametrize("update", [1, 3, 12], ids=["the first", "one that is kept", "the last"])
def test_in_any_update(given, tmp_path, unbroken, kind, update):
    job = KINDS[kind].job(given, tmp_path / "out")
    ended = run_command(job, tmp_path / "log", partial(in_update, update, partial(ask, signal.SIGTERM)))
    assert told_step(ended, job.label, "SIGTERM") == update
    assert f"going on after step {update}\n" in goes_on(kind, given, tmp_path, unbroken)


def test_again_and_again(given, tmp_path, unbroken):
    for step in range(1, 5):
        job = KINDS["base"].job(given, tmp_path / "out")
        ended = run_command(job, tmp_path / "log", partial(in_update, 1, partial(ask, signal.SIGTERM)))
        assert told_step(ended, job.label, "SIGTERM") == step
    goes_on("base", given, tmp_path, unbroken)


def in_evaluation(number: int) -> None:
    """SIGTERM before the evaluation with this number, from 1, of the network for a map."""

    def evaluated(module: torch.nn.Module, _: Any) -> None:
        nonlocal number
        number -= type(module).__name__ == "UNet2DModel" and not module.training
        if number == 0:
            number = -1
            ask(signal.SIGTERM)

    torch.nn.modules.module.register_module_forward_pre_hook(evaluated)


@pytest.mark.parametrize("kind", ["refined", "projected"])
@pytest.mark.parametrize(("evaluation", "step"), [(2, 12), (5, 16)], ids=["the first", "the second"])
def test_in_a_refresh_of_the_map_it_does_not_wait_for_its_end(given, tmp_path, unbroken, kind, evaluation, step):
    job = KINDS[kind].job(given, tmp_path / "out")
    ended = run_command(job, tmp_path / "log", partial(in_evaluation, evaluation))
    assert told_step(ended, job.label, "SIGTERM") == step
    told = goes_on(kind, given, tmp_path, unbroken)
    assert ("going on after step 16\n" in told) == (step == 16)


def test_asked_by_another_process(given, tmp_path, unbroken):
    job, pause = KINDS["base"].job(given, tmp_path / "out"), Pause()
    child = Child(job, tmp_path / "log", partial(in_update, 5, pause), command=True)
    assert pause.reached.wait(children.PATIENCE)
    assert child.process.pid is not None
    os.kill(child.process.pid, signal.SIGTERM)
    pause.released.set()
    assert told_step(child.wait(), job.label, "SIGTERM") == 5
    goes_on("base", given, tmp_path, unbroken)


def test_asked_twice_it_keeps_its_update_all_the_same(given, tmp_path, unbroken):
    """As a job of the server is: by Slurm, then by itself when its command is gone."""
    job, twice = KINDS["base"].job(given, tmp_path / "out"), partial(ask, signal.SIGTERM, signal.SIGTERM)
    assert told_step(run_command(job, tmp_path / "log", partial(in_update, 8, twice)), job.label, "SIGTERM") == 8
    goes_on("base", given, tmp_path, unbroken)


def without_a_reader() -> None:
    """The program that read the lines has ended, by the same signal, and the line of this update is one."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
    progress.SECONDS_BETWEEN_LINES = 0.0
    ask(signal.SIGTERM)


def test_without_a_reader_of_its_lines_it_keeps_its_update_all_the_same(given, tmp_path, unbroken):
    ended = run_command(
        KINDS["base"].job(given, tmp_path / "out"), tmp_path / "log", partial(in_update, 5, without_a_reader)
    )
    assert ended.code != 0
    assert "step 5; the same command" in ended.err
    assert "going on after step 5\n" in goes_on("base", given, tmp_path, unbroken)


# -- what is no update -------------------------------------------------------------------------------------------------


def stuck_in_python() -> None:
    stopping.PATIENCE = 0.5
    ask(signal.SIGTERM)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(0.01)


def stuck_in_the_system() -> None:
    """In a call that never comes back to Python, whose handlers then never run: a lock that is taken twice."""
    stopping.PATIENCE = 0.5
    lock, lib = ctypes.create_string_buffer(64), ctypes.CDLL(None)
    subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -TERM {os.getpid()}"])
    lib.pthread_mutex_lock(lock)
    lib.pthread_mutex_lock(lock)


@pytest.mark.parametrize("stuck", [stuck_in_python, stuck_in_the_system])
def test_a_job_that_is_stuck_ends_all_the_same_and_its_last_checkpoint_is_used(given, tmp_path, unbroken, stuck):
    began = time.monotonic()
    ended = run_command(KINDS["base"].job(given, tmp_path / "out"), tmp_path / "log", partial(in_update, 8, stuck))
    assert time.monotonic() - began < 30
    assert ended.code == 128 + signal.SIGTERM
    assert re.fullmatch(r"train_base .*: stopped by SIGTERM within a step of over 0.5 s; .*\n", ended.err)
    assert "going on after step 6\n" in goes_on("base", given, tmp_path, unbroken)


def test_a_second_ctrl_c_does_not_wait(given, tmp_path, unbroken):
    job, twice = KINDS["base"].job(given, tmp_path / "out"), partial(ask, signal.SIGINT, signal.SIGINT)
    ended = run_command(job, tmp_path / "log", partial(in_update, 8, twice))
    assert ended.code == 1
    assert "KeyboardInterrupt" in ended.err
    assert "going on after step 6\n" in goes_on("base", given, tmp_path, unbroken)


def test_sampling_ends_at_once_and_keeps_its_chunks(given, tmp_path):
    job = tiny.samples_job(given / "base" / "pipeline", tmp_path / "out")
    asked = partial(before_rename, 3, partial(ask, signal.SIGTERM))
    assert run_command(job, tmp_path / "log", asked).code == -signal.SIGTERM
    assert len(list(tmp_path.rglob("chunk*.npy"))) == 2
    assert run_command(job, tmp_path / "log").code == 0


def test_a_training_that_has_ended_is_as_all_else(given, tmp_path, unbroken):
    asked = partial(before_rename, 4, partial(ask, signal.SIGTERM))  # its first output
    job = KINDS["base"].job(given, tmp_path / "out")
    assert run_command(job, tmp_path / "log", asked).code == -signal.SIGTERM
    assert "going on after step 9\n" in goes_on("base", given, tmp_path, unbroken)
