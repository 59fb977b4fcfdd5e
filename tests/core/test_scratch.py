from pathlib import Path

import pytest

from selfrefine.core import scratch
from selfrefine.core.errors import InputError


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


OUTPUT = Path("models/train_base/embedded/shapes/ddpm/seed0/pipeline")
ROOT = Path("scratch/train_base/embedded/shapes/ddpm/seed0")


def stop_with_checkpoint(key, name="checkpoint"):
    """A job that leaves a file in its scratch and fails."""
    with pytest.raises(InterruptedError):
        _leave(key, name)


def _leave(key, name):
    with scratch.scratch(OUTPUT, key) as folder:
        (folder / name).write_text("step 3")
        raise InterruptedError


def test_scratch_lies_beside_the_rooms_under_the_path_of_the_output():
    assert scratch.scratch_root(OUTPUT) == ROOT
    assert scratch.scratch_root(Path.cwd() / OUTPUT) == ROOT


def test_outputs_of_one_job_share_their_scratch_and_other_jobs_have_their_own():
    assert scratch.scratch_root(OUTPUT.with_name("state.safetensors")) == ROOT
    assert scratch.scratch_root(Path("models/train_base/embedded/shapes/ddpm/seed1/pipeline")) != ROOT


@pytest.mark.parametrize("output", [Path("/elsewhere/a/b/images.npy"), Path("images.npy"), Path("folder/images.npy")])
def test_an_output_outside_of_the_rooms_has_its_scratch_beside_it(output):
    assert scratch.scratch_root(output) == output.parent / ".scratch" / "images.npy"


def test_scratch_is_kept_on_failure_found_again_and_removed_at_the_end():
    stop_with_checkpoint("key")
    with scratch.scratch(OUTPUT, "key") as folder:
        assert (folder / "checkpoint").read_text() == "step 3"
    assert not folder.exists()


def test_another_key_starts_afresh_and_says_so_and_its_end_removes_all_keys(capsys):
    stop_with_checkpoint("old")
    assert capsys.readouterr().out == ""
    with scratch.scratch(OUTPUT, "new") as folder:
        assert list(folder.iterdir()) == []
        assert "starting afresh" in capsys.readouterr().out
    assert not ROOT.exists()


def test_the_old_key_finds_its_checkpoint_again_after_another_was_tried():
    stop_with_checkpoint("first", "of the first")
    stop_with_checkpoint("second", "of the second")
    with scratch.scratch(OUTPUT, "first") as folder:
        assert [path.name for path in folder.iterdir()] == ["of the first"]


def test_a_second_holder_is_refused_in_one_line_that_names_the_first():
    with (
        scratch.lock(OUTPUT),
        pytest.raises(InputError, match=r"seed0: process \d+ on \S+ is working on it") as refusal,
        scratch.lock(OUTPUT.with_name("config.json")),
    ):
        pytest.fail("two holders")
    assert "\n" not in str(refusal.value)


def test_a_lock_alone_leaves_nothing_and_one_around_a_failure_leaves_the_checkpoint():
    with scratch.lock(OUTPUT):
        assert ROOT.is_dir()
    assert not ROOT.exists()
    with pytest.raises(InterruptedError), scratch.lock(OUTPUT):
        _leave("key", "checkpoint")
    for _ in range(2):  # free again after a failure, and after the end
        with scratch.lock(OUTPUT), scratch.scratch(OUTPUT, "key"):
            pass
        assert not ROOT.exists()
