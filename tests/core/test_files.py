import ast
import gzip
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from selfrefine.core import arrays as core_arrays
from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.core.names import PROVENANCE


def files_of_the_package():
    return sorted(Path(files.__file__).parents[1].rglob("*.py"))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- atomic writes -----------------------------------------------------------------------------------------------------


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    path = tmp_path / "new" / "file"
    with files.atomic_file(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename across file systems would be a copy
    assert path.read_text() == "half"
    assert names(path.parent) == ["file"]


def write_then_fail(context, path):
    """Writes half of a new file, inside of a folder or as the file itself, then fails."""
    with context(path) as temporary:
        (temporary / "file" if temporary.is_dir() else temporary).write_text("half")
        raise InterruptedError


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path):
    files.write_text(tmp_path / "file", "old")
    with pytest.raises(InterruptedError):
        write_then_fail(files.atomic_file, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_failing_folder_leaves_the_old_one_and_nothing_else(tmp_path):
    with files.atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "file").write_text("old")
    with pytest.raises(InterruptedError):
        write_then_fail(files.atomic_folder, tmp_path / "folder")
    assert (files.check_folder(tmp_path / "folder") / "file").read_text() == "old"
    assert names(tmp_path) == ["folder"]


def test_a_folder_replaces_the_old_one_as_a_whole(tmp_path):
    for name in ("first", "second"):
        with files.atomic_folder(tmp_path / "folder") as temporary:
            (temporary / name).write_text(name)
    assert names(tmp_path / "folder") == [files.SUMS, "second"]


WRITER = """
import sys, time
from pathlib import Path
from selfrefine.core import files
with files.atomic_file(Path(sys.argv[1])) as temporary, files.atomic_folder(Path(sys.argv[2])) as folder:
    temporary.write_text("half")
    (folder / "file").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def calls(monkeypatch):
    """What reaches the disk and what is renamed, in order; all of it really happens."""
    order = []
    fsync, replace = os.fsync, os.replace

    def tracked_fsync(descriptor):
        order.append(("on disk", os.fstat(descriptor).st_ino))
        fsync(descriptor)

    def tracked_replace(source, target):
        inodes = [path.stat().st_ino for path in [source, *source.rglob("*")]]
        order.extend(("renamed", inode) for inode in inodes)
        replace(source, target)

    monkeypatch.setattr(os, "fsync", tracked_fsync)
    monkeypatch.setattr(os, "replace", tracked_replace)
    return order


WRITERS = {
    "text": lambda path: files.write_text(path, "a"),
    "bytes": lambda path: files.write_bytes(path, b"a"),
    "JSON": lambda path: files.write_json(path, {"a": 1}),
    "table": lambda path: files.write_table(path, pd.DataFrame({"a": [1]})),
    "figure": lambda path: files.write_figure(path, plt.figure()),
    "array": lambda path: core_arrays.write_array(path, np.zeros(3)),
    "arrays": lambda path: core_arrays.write_arrays(path, {"a": np.zeros(3)}),
    "tensors": lambda path: core_arrays.write_tensors(path, {"a": torch.zeros(3)}),
    "folder": lambda path: _write_folder(path),
}


def _write_folder(path):
    with files.atomic_folder(path) as temporary:
        (temporary / "below").mkdir()
        (temporary / "below" / "file").write_text("a")


@pytest.mark.parametrize("kind", WRITERS)
def test_content_is_on_the_disk_before_it_has_its_name_and_the_name_before_the_writer_returns(kind, calls, tmp_path):
    """Else a loss of power leaves an empty file under a name that says it is complete."""
    path = tmp_path / "output"
    WRITERS[kind](path)
    written = {part.stat().st_ino for part in [path, *path.rglob("*")]}
    renaming = [place for place, (what, _) in enumerate(calls) if what == "renamed"]
    before = {inode for what, inode in calls[: renaming[0]] if what == "on disk"}
    assert written <= before
    assert calls[-1] == ("on disk", tmp_path.stat().st_ino)


def test_only_one_place_gives_a_finished_file_its_name():
    """Whoever renames by himself forgets what `files.move` does before and after."""
    renames = {"os.replace", "os.rename", "os.renames", "os.link", "shutil.move", "shutil.copyfile", "shutil.copy2"}
    calls = [
        (file.name, ast.unparse(node.func))
        for file in files_of_the_package()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    ]
    found = [call for call in calls if call[1] in renames]
    assert found == [("files.py", "os.replace")]


def test_leftovers_of_a_killed_writer_go_with_the_next_write_and_those_of_a_living_one_stay(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "file"), str(tmp_path / "folder")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        half_written = names(tmp_path)
        files.write_text(tmp_path / "file", "whole")
        assert names(tmp_path) == sorted([*half_written, "file"])
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    files.write_text(tmp_path / "file", "whole again")
    with files.atomic_folder(tmp_path / "folder"):
        pass
    assert len(half_written) == 2
    assert names(tmp_path) == ["file", "folder"]


# -- sealed folders ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(tmp_path):
    with files.atomic_folder(tmp_path / "sealed") as folder:
        (folder / "unet").mkdir()
        (folder / "unet" / "weights").write_bytes(bytes(range(256)))
        (folder / "index.json").write_text("{}")
    return tmp_path / "sealed"


def test_the_seal_is_what_sha256sum_writes(sealed):
    lines = dict(reversed(line.split("  ", 1)) for line in (sealed / files.SUMS).read_text().splitlines())
    expected = {name: hashlib.sha256((sealed / name).read_bytes()).hexdigest() for name in lines}
    assert sorted(lines) == ["index.json", "unet/weights"]
    assert lines == expected
    assert files.check_folder(sealed) == sealed


def change_a_byte(folder):
    content = bytearray((folder / "unet" / "weights").read_bytes())
    content[100] ^= 1
    (folder / "unet" / "weights").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (change_a_byte, "unet/weights: changed"),
        (lambda folder: (folder / "index.json").unlink(), "index.json: changed"),
        (lambda folder: (folder / "unet" / "more").touch(), "unet/more: not among the files"),
        (lambda folder: (folder / files.SUMS).unlink(), "not a folder sealed"),
    ],
    ids=["changed", "missing", "additional", "no seal"],
)
def test_a_damaged_folder_is_refused_in_one_line_that_names_the_file(sealed, damage, named):
    damage(sealed)
    with pytest.raises(InputError, match=named) as refusal:
        files.check_folder(sealed)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", [".DS_Store", "unet/.DS_Store", ".ipynb_checkpoints/a.json", "README.md", "unet/map.png"]
)
def test_hidden_files_and_documents_beside_what_was_sealed_are_no_change(sealed, name):
    (sealed / name).parent.mkdir(exist_ok=True)
    (sealed / name).write_text("added")
    assert files.check_folder(sealed) == sealed


def test_the_time_stamp_that_snakemake_leaves_in_a_folder_is_no_change(sealed):
    before = files.sha256(sealed)
    (sealed / ".snakemake_timestamp").touch()
    assert files.sha256(files.check_folder(sealed)) == before


def test_hidden_files_of_a_folder_are_not_visible(tmp_path):
    for name in ("b", "a", "below/.c", "below/c"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).touch()
    before = files.visible(tmp_path / "folder")
    assert list(before) == ["a", "b", "below/c"]
    (tmp_path / "folder" / ".cache").mkdir()
    (tmp_path / "folder" / ".cache" / "x").touch()
    (tmp_path / "folder" / ".DS_Store").touch()
    assert files.visible(tmp_path / "folder") == before
    assert files.visible(tmp_path / "none") == {}


def test_the_digest_of_a_folder_follows_its_content(sealed, tmp_path):
    before = files.sha256(sealed)
    with files.atomic_folder(tmp_path / "sealed") as folder:
        (folder / "index.json").write_text("{ }")
    assert files.sha256(sealed) != before


# -- formats -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 8, 8, 3), (0, 8, 8)])
def test_arrays_come_back_read_only(tmp_path, shape):
    array = np.random.default_rng(0).random(shape).astype(np.float32)
    core_arrays.write_array(tmp_path / "array.npy", array)
    back = core_arrays.read_array(tmp_path / "array.npy")
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert np.array_equal(np.load(tmp_path / "array.npy"), array)


def test_a_large_array_is_mapped_not_read(tmp_path):
    core_arrays.write_array(tmp_path / "array.npy", np.zeros((4, 4)))
    assert isinstance(core_arrays.read_array(tmp_path / "array.npy"), np.memmap)


def test_an_array_in_fortran_order_comes_back_equal(tmp_path):
    array = np.arange(12).reshape(3, 4).T
    core_arrays.write_array(tmp_path / "array.npy", array)
    assert np.array_equal(core_arrays.read_array(tmp_path / "array.npy"), array)


@pytest.mark.parametrize("kept", [0, 3, 40, 127, 200])
def test_a_cut_off_array_is_refused_in_one_line(tmp_path, kept):
    path = tmp_path / "images.npy"
    core_arrays.write_array(path, np.zeros((2, 8, 8, 3), np.uint8))
    os.truncate(path, kept)
    with pytest.raises(InputError, match=r"images\.npy") as refusal:
        core_arrays.read_images(path)
    assert "\n" not in str(refusal.value)


def test_objects_are_never_unpickled(tmp_path):
    np.save(tmp_path / "images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a readable"):
        core_arrays.read_array(tmp_path / "images.npy")
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        core_arrays.write_array(tmp_path / "more.npy", np.array([{}], dtype=object))
    assert names(tmp_path) == ["images.npy"]


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 8, 8), np.uint8), np.zeros((2, 3, 8, 8), np.uint8)],
    ids=["float", "no channels", "channels first"],
)
def test_images_of_another_type_or_shape_are_refused(tmp_path, array):
    core_arrays.write_array(tmp_path / "images.npy", array)
    with pytest.raises(InputError, match=r"uint8 \(N, H, W, 3\) needed"):
        core_arrays.read_images(tmp_path / "images.npy")


def test_several_arrays_come_back_by_name(tmp_path):
    arrays = {"a": np.arange(3), "b": np.ones((2, 2), np.float32)}
    core_arrays.write_arrays(tmp_path / "arrays.npz", arrays)
    back = core_arrays.read_arrays(tmp_path / "arrays.npz")
    assert back.keys() == arrays.keys()
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())


@pytest.mark.parametrize("kept", [0, 10, 300])
def test_a_cut_off_archive_is_refused_in_one_line(tmp_path, kept):
    core_arrays.write_arrays(tmp_path / "arrays.npz", {"a": np.zeros(100)})
    os.truncate(tmp_path / "arrays.npz", kept)
    with pytest.raises(InputError, match=r"arrays\.npz"):
        core_arrays.read_arrays(tmp_path / "arrays.npz")


def test_tensors_and_metadata_come_back_exactly(tmp_path):
    tensors = {"a": torch.randn(3, 4).t(), "step": torch.tensor(7.0), "half": torch.randn(5).bfloat16()}
    metadata = {"step": 7, "log": [[1, 0.1, 1e-7], [2, 1 / 3, 2.5e-308]]}
    core_arrays.write_tensors(tmp_path / "state.safetensors", tensors, metadata)
    back, told = core_arrays.read_tensors(tmp_path / "state.safetensors")
    assert told == metadata
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], value) and back[name].dtype == value.dtype for name, value in tensors.items())


def test_equal_tensors_and_metadata_are_equal_bytes(tmp_path):
    tensors = {name: torch.full((3,), float(rank)) for rank, name in enumerate("abcdefgh")}
    metadata = {name: name for name in "abcdefgh"}
    for number in range(4):
        core_arrays.write_tensors(tmp_path / str(number), tensors, metadata)
    reordered = dict(reversed(tensors.items())), dict(reversed(metadata.items()))
    core_arrays.write_tensors(tmp_path / "4", *reordered)
    assert len({(tmp_path / str(number)).read_bytes() for number in range(5)}) == 1


@pytest.mark.parametrize("kept", [0, 4, 50, 200])
def test_a_cut_off_tensor_file_is_refused_in_one_line(tmp_path, kept):
    path = tmp_path / "state.safetensors"
    core_arrays.write_tensors(path, {"a": torch.zeros(100)})
    os.truncate(path, kept)
    with pytest.raises(InputError, match=r"state\.safetensors: not a readable safetensors file") as refusal:
        core_arrays.read_tensors(path)
    assert "\n" not in str(refusal.value)


def test_tensors_without_metadata_of_ours_are_read(tmp_path):
    from safetensors.torch import save_file

    save_file({"a": torch.ones(2)}, tmp_path / "foreign.safetensors")
    tensors, metadata = core_arrays.read_tensors(tmp_path / "foreign.safetensors")
    assert torch.equal(tensors["a"], torch.ones(2))
    assert metadata == {}


def test_a_table_keeps_nine_digits_and_unix_line_ends(tmp_path):
    table = pd.DataFrame({"step": [1, 2], "loss": [1 / 3, 1e-12], "note": ["a, b", None]})
    files.write_table(tmp_path / "table.csv", table)
    assert (tmp_path / "table.csv").read_bytes() == b'step,loss,note\n1,0.333333333,"a, b"\n2,1e-12,\n'
    back = files.read_table(tmp_path / "table.csv")
    assert back["loss"].to_numpy() == pytest.approx(table["loss"].to_numpy(), rel=1e-8)


def test_json_is_sorted_and_comes_back(tmp_path):
    value = {"b": [1, 2.5, "ü"], "a": {"d": None, "c": True}}
    files.write_json(tmp_path / "value.json", value)
    text = (tmp_path / "value.json").read_text()
    assert text.index('"a"') < text.index('"b"')
    assert text.endswith("}\n")
    assert files.read_json(tmp_path / "value.json") == value


def test_bytes_come_back_and_a_gz_is_unpacked(tmp_path):
    content = bytes(range(256)) * 10
    files.write_bytes(tmp_path / "plain", content)
    files.write_bytes(tmp_path / "packed.gz", gzip.compress(content))
    assert files.read_bytes(tmp_path / "plain") == content
    assert files.read_bytes(tmp_path / "packed.gz") == content


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-20], lambda _: b"no gzip", lambda p: p[:40] + b"0" + p[41:]]
)
def test_a_damaged_gz_is_refused_in_one_line(tmp_path, damage):
    packed = gzip.compress(os.urandom(500))
    (tmp_path / "packed.gz").write_bytes(damage(packed))
    with pytest.raises(InputError, match=r"packed\.gz: not a whole gzip file"):
        files.read_bytes(tmp_path / "packed.gz")


def test_equal_figures_are_equal_bytes_that_name_no_version(tmp_path):
    for number in range(2):
        figure, axes = plt.subplots(figsize=(1, 1))
        axes.plot([0, 1])
        files.write_figure(tmp_path / f"{number}.png", figure)
        plt.close(figure)
    content = (tmp_path / "0.png").read_bytes()
    assert content == (tmp_path / "1.png").read_bytes()
    assert b"matplotlib" not in content.lower()


def test_tensors_can_be_read_by_others(tmp_path):
    core_arrays.write_tensors(tmp_path / "t.safetensors", {"a": torch.zeros(1)})
    assert (tmp_path / "t.safetensors").stat().st_mode & 0o777 == 0o644


def test_words_of_a_table_come_back_as_they_were(tmp_path):
    words = ["", "null", "nan", "7", 'a "red" bag, big', "None"]
    files.write_table(tmp_path / "t.csv", pd.DataFrame({"caption": words, "number": range(6)}))
    table = files.read_table(tmp_path / "t.csv", words=("caption",))
    assert table["caption"].tolist() == words
    assert table["number"].tolist() == [0, 1, 2, 3, 4, 5]


def test_the_config_of_a_job_is_read_without_what_else_its_record_keeps(tmp_path):
    config = {"names": {"seed": "0"}, "steps": 3}
    files.write_json(tmp_path / "plain.json", config)
    files.write_json(tmp_path / "record.json", config | {PROVENANCE: {"code": {}, "inputs": {"a": "0"}}})
    assert files.read_config(tmp_path / "plain.json") == files.read_config(tmp_path / "record.json") == config
