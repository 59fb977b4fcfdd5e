"""Kill -9 at any point, then the same job again: every byte of its outputs as in an unbroken run."""

import re
import signal
from functools import partial

import pytest

from tests.support import children, tiny, tiny_latent
from tests.support.children import (
    Child,
    Pause,
    before_rename,
    before_scratch_is_removed,
    in_update,
    run_command,
    run_job,
)
from tests.support.damage import DAMAGES
from tests.support.tiny import bytes_below


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Every kind of job, run without a break in a child."""
    folder = tmp_path_factory.mktemp("unbroken")
    tiny.write_images(folder / "images.npy")
    tiny.write_highlighter(folder / "highlighter.safetensors")
    tiny_latent.write_large_images(folder / "large_images.npy")
    for kind in (base, refined, projected, samples, autoencoder, latents):
        job = kind(folder, folder)
        ended = run_job(job, folder / "log" / job.name)
        assert ended.code == 0, ended.err
    return folder


def base(unbroken, folder):
    return tiny.base_job(unbroken / "images.npy", folder / "base")


def refined(unbroken, folder):
    highlighter = unbroken / "highlighter.safetensors"
    return tiny.refined_job(unbroken / "images.npy", unbroken / "base", highlighter, folder / "refined")


def projected(unbroken, folder):
    """A control map, which depends on the first mFAM, and a projection in training beside the network."""
    highlighter = unbroken / "highlighter.safetensors"
    switches = {"map": "cells", "projection": "conv3"}
    return tiny.refined_job(unbroken / "images.npy", unbroken / "base", highlighter, folder / "projected", **switches)


def samples(unbroken, folder):
    return tiny.samples_job(unbroken / "base" / "pipeline", folder / "samples")


def autoencoder(unbroken, folder):
    return tiny_latent.autoencoder_job(unbroken / "large_images.npy", folder / "autoencoder")


def latents(unbroken, folder):
    trained = unbroken / "autoencoder" / "autoencoder"
    return tiny_latent.encode_job(unbroken / "large_images.npy", trained, folder / "latents", chunk_size=15)


# The atomic writes of a job, in order: its checkpoints, then its outputs.
WRITES = {
    base: ["step 3", "step 6", "step 9", "state", "loss", "pipeline"],
    refined: ["step 15", "step 18", "step 21", "loss", "maps", "mfams", "refreshes", "pipeline"],
    samples: ["images 0-3", "images 4-7", "images 8-9", "images"],
    autoencoder: ["step 3", "step 6", "step 9", "loss", "metrics", "autoencoder"],
    latents: ["images 0-14", "images 15-29", "images 30-31", "latents"],
}


def kill_then_finish(job, folder, fault):
    """Runs a job with a fault that kills it, then again; returns what the second run printed."""
    assert run_job(job, folder / "log", fault).code == -signal.SIGKILL
    ended = run_job(job, folder / "log")
    assert ended.code == 0, ended.err
    return ended.out


@pytest.mark.parametrize(("kind", "write"), [(kind, write) for kind, writes in WRITES.items() for write in writes])
def test_killed_before_a_write(unbroken, tmp_path, kind, write):
    number = WRITES[kind].index(write) + 1
    out = kill_then_finish(kind(unbroken, tmp_path), tmp_path, partial(before_rename, number))
    assert bytes_below(tmp_path / kind.__name__) == bytes_below(unbroken / kind.__name__)
    assert ("going on after step" in out) == (kind not in (samples, latents) and number > 1)


@pytest.mark.parametrize("kind", [base, refined, projected, autoencoder])
def test_killed_in_the_middle_of_an_update(unbroken, tmp_path, kind):
    update = 8  # in refinement: the third one with the second map, the first after a checkpoint
    kill_then_finish(kind(unbroken, tmp_path), tmp_path, partial(in_update, update))
    assert bytes_below(tmp_path / kind.__name__) == bytes_below(unbroken / kind.__name__)


def test_killed_again_and_again(unbroken, tmp_path):
    job = refined(unbroken, tmp_path)
    for _ in range(3):  # each life writes one checkpoint and dies at the next write
        assert run_job(job, tmp_path / "log", partial(before_rename, 2)).code == -signal.SIGKILL
    out = kill_then_finish(job, tmp_path, partial(before_rename, 1))
    assert "going on after step 21" in out
    assert bytes_below(tmp_path / "refined") == bytes_below(unbroken / "refined")


def test_finished_chunks_are_not_sampled_again(unbroken, tmp_path):
    job = samples(unbroken, tmp_path)
    assert run_job(job, tmp_path / "log", partial(before_rename, 4)).code == -signal.SIGKILL
    # the second life has one write left, the images: at a second one it would die
    assert run_job(job, tmp_path / "log", partial(before_rename, 2)).code == 0
    assert bytes_below(tmp_path / "samples") == bytes_below(unbroken / "samples")


@pytest.mark.parametrize("damage", ["header", "middle", "cut by a byte", "empty", "unreadable"])
@pytest.mark.parametrize("kind", [samples, latents])
def test_a_chunk_that_was_damaged_since_the_kill_is_made_again(unbroken, tmp_path, kind, damage):
    job = kind(unbroken, tmp_path)
    assert run_job(job, tmp_path / "log", partial(before_rename, 3)).code == -signal.SIGKILL
    (first,) = tmp_path.rglob("chunk00000000.*.npy")
    DAMAGES[damage](first)
    ended = run_job(job, tmp_path / "log")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.count("chunk00000000.npy: damaged since it was written: it is made again\n") == 1
    assert bytes_below(tmp_path / kind.__name__) == bytes_below(unbroken / kind.__name__)


@pytest.mark.parametrize("kind", [base, samples])
def test_killed_when_all_outputs_are_written(unbroken, tmp_path, kind):
    kill_then_finish(kind(unbroken, tmp_path), tmp_path, before_scratch_is_removed)
    assert bytes_below(tmp_path / kind.__name__) == bytes_below(unbroken / kind.__name__)


def test_killed_between_outputs_and_record(unbroken, tmp_path):
    job = samples(unbroken, tmp_path)
    after_the_outputs = partial(before_rename, len(WRITES[samples]) + 1)
    assert run_command(job, tmp_path / "log", after_the_outputs).code == -signal.SIGKILL
    assert job.outputs.images.is_file()
    assert not (tmp_path / "samples" / "config.json").exists()
    assert run_command(job, tmp_path / "log").code == 0
    written = bytes_below(tmp_path / "samples")
    assert written.pop("config.json")
    assert written == bytes_below(unbroken / "samples")


def test_a_changed_config_does_not_go_on_from_the_old_checkpoint(unbroken, tmp_path):
    changed = partial(tiny.base_job, unbroken / "images.npy", learning_rate=0.02)
    run_job(base(unbroken, tmp_path), tmp_path / "log", partial(before_rename, 3))
    ended = run_job(changed(tmp_path / "base"), tmp_path / "log")
    assert "starting afresh" in ended.out
    assert "going on" not in ended.out
    assert run_job(changed(tmp_path / "fresh"), tmp_path / "log").code == 0
    assert bytes_below(tmp_path / "base") == bytes_below(tmp_path / "fresh")


def test_of_two_processes_on_one_job_the_second_refuses_in_one_line_and_the_first_is_not_disturbed(unbroken, tmp_path):
    job, pause = base(unbroken, tmp_path), Pause()
    first = Child(job, tmp_path / "first", partial(in_update, 5, pause), command=False)
    assert pause.reached.wait(children.PATIENCE)
    second = run_command(job, tmp_path / "second")
    pause.released.set()
    assert first.wait().code == 0
    assert second.code == 1
    assert re.fullmatch(rf"train_base: .*: process {first.process.pid} on .* is working on it.*\n", second.err)
    assert bytes_below(tmp_path / "base") == bytes_below(unbroken / "base")
