"""The check of a GPU as a person runs it, here on the CPU with tiny networks: whole, cut short, and with faults."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from selfrefine.commands import check_gpu, main
from selfrefine.commands.check_gpu import Part
from selfrefine.core import files
from selfrefine.cost import gpu_page
from tests.support import faulty_parts
from tests.support.command import PROGRAM, refused
from tests.support.faulty_parts import FAULTS, LINE

ROOT = Path(__file__).resolve().parents[2]
ON_THE_CPU = ["check-gpu", "--device", "cpu", "--quick", "--seconds", "900"]  # beside other tests
ASKED = {"device": "cpu", "experiment": "smoke", "seconds": 300}
# Ends every process that looks for a host, and leaves a note of it.
NO_NETWORK = """
import os, sys
def watch(event, given):
    far = event == "socket.connect" and not isinstance(given[1], (str, bytes))
    if far or event == "socket.getaddrinfo":
        open({note!r}, "a").write(event)
        os._exit(99)
sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The package as it is installed from its wheel, without the project around it."""
    project, wheels = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("wheels")
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "params.yaml", "experiments"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, project / name)
    hidden = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", project / "src", symlinks=True, ignore=hidden)
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q")
    subprocess.run([sys.executable, "-m", "pip", "wheel", *offline, "-w", wheels, project], check=True)
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(wheels / "installed")
    return wheels / "installed"


@pytest.fixture(scope="module")
def checked(built, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str], bool]:
    """results/gpu of the whole check in an empty folder, how it ended, and whether it looked for a host."""
    folder, note = tmp_path_factory.mktemp("empty"), tmp_path_factory.mktemp("note") / "network"
    (built / "sitecustomize.py").write_text(NO_NETWORK.format(note=str(note)))
    environment = dict(os.environ) | {"PYTHONPATH": str(built), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run([*PROGRAM, *ON_THE_CPU], cwd=folder, env=environment, capture_output=True, text=True)
    return folder / "results" / "gpu", done, note.exists()


@pytest.mark.slow
def test_a_look_for_a_host_would_be_seen(checked, built):
    code = "import socket; socket.getaddrinfo('localhost', 80)"
    environment = dict(os.environ) | {"PYTHONPATH": str(built)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 99


def read(folder: Path):
    """gpu.json, which must be JSON to every reader."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads((folder / "gpu.json").read_text(), parse_constant=refuse)


@pytest.mark.slow
def test_the_installed_package_measures_everything_in_an_empty_folder_without_a_network(checked):
    folder, done, looked_for_a_host = checked
    assert (done.returncode, looked_for_a_host) == (0, False), done.stderr
    found = read(folder)
    assert [part["fault"] for part in found["parts"]] == [""] * 9
    assert {path.name for path in folder.iterdir()} == {"gpu.json", "gpu.md"}
    assert {path.name for path in folder.parents[1].iterdir()} == {"results"}, "nothing else is left"


@pytest.mark.slow
def test_every_family_is_trained_and_sampled_in_the_precision_of_jobs(checked):
    found = read(checked[0])
    actions: dict[str, list[str]] = {}
    for line in found["speed"]:
        actions.setdefault(line["network"].split(",")[0], []).append(line["action"])
        assert line["images_per_second"] > 0.0
        assert line["precision"] == ("float32" if line["action"] == "decoding" else found["machine"][0]["precision"])
    pixels, latents = ["training", "sampling, a step"], ["training", "sampling, a step", "decoding"]
    expected = {"DDPM": pixels, "Improved DDPM": pixels, "U-ViT": pixels, "LDM": latents, "Stable Diffusion": latents}
    assert actions == expected
    assert {line["network"].split(",")[0] for line in found["loss"]} == expected.keys()
    assert all(line["difference"] < 0.05 for line in found["loss"])


@pytest.mark.slow
def test_a_killed_training_ends_in_the_same_weights_and_the_chain_is_whole(checked):
    found = read(checked[0])
    (resume,) = found["resume"]
    assert resume["went_on_after"] == 3
    assert resume["resumed_difference"] == resume["unbroken_difference"] == 0.0
    assert resume["largest_weight"] > 0.0
    links = ["base model", "fakes and highlighter", "refinement", "sampling and flaw maps"]
    assert [line["link"] for line in found["chain"]] == links


@pytest.mark.slow
def test_the_page_is_that_of_the_json_and_progress_is_told(checked):
    folder, done, _ = checked
    assert (folder / "gpu.md").read_text() == gpu_page.page(read(folder))
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert all(re.fullmatch(r"check-gpu: .+, \d+ s left", line) for line in lines[:-1])


@pytest.mark.parametrize("told", [[], ["The NVIDIA driver on your system is too old\n(found version 11040)."]])
def test_without_a_gpu_it_says_so_in_one_line_and_exits_with_3(told, tmp_path, monkeypatch, capsys):
    def is_available():
        for line in told:
            warnings.warn(line, stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main.main(["check-gpu"])
    assert ended.value.code == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("selfrefine check-gpu: this machine has no CUDA GPU that torch can use (torch ")
    assert all(" ".join(words.split()) in line for words in told)
    assert list(tmp_path.iterdir()) == []


def parts(*works, limit=30.0):
    """A part of each of the works, under its name."""
    return [Part(work.__name__, work, 1.0 if FAULTS.get(work) == "time was up" else limit) for work in works]


def test_no_fault_of_a_part_stops_the_next(tmp_path, monkeypatch, capsys):
    works = [faulty_parts.well, *FAULTS, faulty_parts.well]
    monkeypatch.setattr(check_gpu, "parts", lambda on, quick: iter(parts(*works)))
    with pytest.raises(SystemExit) as ended:
        main.main([*ON_THE_CPU, "--out", str(tmp_path)])
    assert ended.value.code == 1
    found, page = read(tmp_path), (tmp_path / "gpu.md").read_text()
    assert [part["part"] for part in found["parts"]] == [work.__name__ for work in works]
    assert [found["parts"][number]["fault"] for number in (0, -1)] == ["", ""]
    assert found["chain"].count(LINE) >= len(works)
    told = capsys.readouterr().out
    for work, fault in FAULTS.items():
        (line,) = (line for line in page.splitlines() if line.startswith(f"- {work.__name__}: "))
        assert fault in line
        assert f"check-gpu: {work.__name__}: " in told
    assert page == gpu_page.page(found)


@pytest.mark.parametrize(("seconds", "begun"), [(0.5, 0), (4.0, 1)])
def test_when_time_is_up_the_others_are_listed_as_not_measured(seconds, begun):
    faulty_server_started = check_gpu.check(ASKED, iter(parts(faulty_parts.well)), time.monotonic() + 60.0)
    assert faulty_server_started["parts"][0]["fault"] == ""
    began = time.monotonic()
    hanging = [Part("hangs", faulty_parts.hangs, 60.0), *parts(faulty_parts.well, faulty_parts.prints)]
    found = check_gpu.check(ASKED, iter(hanging), began + seconds)
    assert time.monotonic() - began < seconds + 2.0
    faults = [part["fault"] for part in found["parts"]]
    assert faults == ["time was up"] * begun + ["not measured: time was up"] * (3 - begun)
    assert gpu_page.page(found).count("not measured: time was up.") == 3 - begun


def test_a_folder_that_cannot_be_made_is_one_line_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_gpu, "parts", lambda on, quick: 1 // 0)
    files.write_text(tmp_path / "file", "")
    line = refused([*ON_THE_CPU, "--out", str(tmp_path / "file")], capsys)
    assert line == f"selfrefine check-gpu: {tmp_path / 'file'}: File exists"
    assert "Not a directory" in refused([*ON_THE_CPU, "--out", str(tmp_path / "file" / "below")], capsys)
