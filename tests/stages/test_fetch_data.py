"""The stage with a small source; a kill while it downloads; its one line when there is nothing to be had."""

import gzip
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from selfrefine.core import files, scratch
from selfrefine.core.job import Job
from selfrefine.data import idx_sets
from selfrefine.stages import fetch_data
from tests.support.children import Child

CONTENTS = {name: f"content of {name}".encode() for name in idx_sets.SOURCES["fashion_mnist"].sha256}
SMALL = replace(
    idx_sets.SOURCES["fashion_mnist"],
    sha256={name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()},
)


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a source `small` registered that has the pins of CONTENTS."""
    monkeypatch.setitem(idx_sets.SOURCES, "small", SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job(*providers: str) -> Job[fetch_data.Config, fetch_data.Inputs, fetch_data.Outputs]:
    folder = Path("data/fetch_data/small")
    config = fetch_data.Config(providers=providers, folder="downloads/small", names={"source": "small"})
    outputs = fetch_data.Outputs(*(folder / name for name in CONTENTS))
    return Job("fetch_data", config, fetch_data.Inputs(), outputs)


def fill_folder() -> None:
    for name, content in CONTENTS.items():
        files.write_bytes(Path("downloads/small", f"{name}.gz"), gzip.compress(content))


def test_the_files_are_written_unpacked_under_their_names(room: Path):
    fill_folder()
    fetch_data.run(job("folder"))
    outputs = job("folder").outputs
    assert outputs.train_images.read_bytes() == CONTENTS["train-images-idx3-ubyte"]
    assert outputs.train_labels.read_bytes() == CONTENTS["train-labels-idx1-ubyte"]
    assert outputs.test_images.read_bytes() == CONTENTS["t10k-images-idx3-ubyte"]
    assert outputs.test_labels.read_bytes() == CONTENTS["t10k-labels-idx1-ubyte"]
    assert not (room / "scratch/fetch_data/small").exists()


@pytest.fixture
def stalling_mirror() -> Iterator[str]:
    """Address of a host that sends half a file and then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def answer() -> None:
            kept.append(server.accept()[0])
            kept[0].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)

        threading.Thread(target=answer, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        for connection in kept:
            connection.close()


def from_mirror(room: Path, address: str) -> None:
    """Makes a child one that works in `room` and has `address` as torchvision's mirror."""
    from torchvision import datasets

    os.chdir(room)
    idx_sets.SOURCES["small"] = SMALL
    datasets.FashionMNIST.mirrors = [address]


def test_a_kill_while_downloading_leaves_nothing_half_written(room: Path, stalling_mirror: str):
    fault = partial(from_mirror, room, stalling_mirror)
    child = Child(job("torchvision"), room / "log", fault, command=False)
    waited_until = time.monotonic() + 60
    while not list(room.glob("scratch/fetch_data/small/*/torchvision/*.partial")) and time.monotonic() < waited_until:
        time.sleep(0.01)
    child.process.kill()
    assert child.wait().code == -signal.SIGKILL
    assert list(room.glob("scratch/fetch_data/small/*/torchvision/*.partial"))
    assert not (room / "data").exists()
    fill_folder()
    with scratch.lock(Path("data/fetch_data/small/train-images-idx3-ubyte")):
        fetch_data.run(job("folder"))
    assert sorted(path.name for path in (room / "data/fetch_data/small").iterdir()) == sorted(CONTENTS)
    assert not (room / "scratch/fetch_data/small").exists()


def test_the_command_says_in_one_line_what_to_do(tmp_path: Path):
    folder = Path("data/fetch_data/fashion_mnist")
    config = {"providers": ["folder"], "folder": "downloads/fashion_mnist", "names": {"source": "fashion_mnist"}}
    command = [sys.executable, "-m", "selfrefine.stages.fetch_data", "--config", json.dumps(config)]
    command += ["--record", folder / "config.json", "--train_images", folder / "a", "--train_labels", folder / "b"]
    command += ["--test_images", folder / "c", "--test_labels", folder / "d"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("fetch_data: fashion_mnist: tried folder, none could deliver it; put train-images-")
    assert done.stderr.count("\n") == 1
    assert done.stdout.count("\n") == 1
    assert not (tmp_path / "data").exists()
