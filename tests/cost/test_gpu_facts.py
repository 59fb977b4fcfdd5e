"""The facts of a machine: all that the page shows is measured, and a driver's tool may fail in any way."""

import json

import pytest

from selfrefine.cost import gpu_facts, gpu_page

TOOLS = {
    "prints": ("#!/bin/sh\necho 570.86.15\n", "570.86.15"),
    "two cards": ("#!/bin/sh\nprintf '570.86.15\\n570.86.15\\n'\n", "570.86.15"),
    "fails": ("#!/bin/sh\necho NVIDIA-SMI has failed\nexit 9\n", gpu_facts.UNKNOWN),
    "says nothing": ("#!/bin/sh\n", gpu_facts.UNKNOWN),
    "is no program": ("\x7fELF", gpu_facts.UNKNOWN),
}


def test_the_facts_of_this_machine_are_on_the_page_and_in_json():
    told = []
    gpu_facts.measure("cpu", lambda section, line: told.append((section, line)))
    ((section, line),) = told
    assert section == "machine"
    assert json.loads(json.dumps(line)) == line
    assert set(line) <= set(gpu_page.FACTS)
    assert line["tf32_products"] is line["tf32_convolutions"] is False
    assert set(gpu_page.FACTS) - set(line) == {"compute_capability", "multiprocessors", "gpus"}, "of a GPU alone"


@pytest.mark.parametrize("kind", TOOLS)
def test_the_driver_is_what_its_tool_says_or_unknown(kind, tmp_path, monkeypatch):
    content, expected = TOOLS[kind]
    (tmp_path / "nvidia-smi").write_text(content)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert gpu_facts.driver() == expected


def test_without_the_tool_it_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_facts.driver() == gpu_facts.UNKNOWN
