"""What a job's record says of the machine: found where it is, and nothing that was not used."""

import json
import subprocess
import sys

import diffusers
import numpy as np
import pytest
import torch

from selfrefine.core import devices, machine


@pytest.fixture
def fresh(monkeypatch):
    """A process that has used nothing."""
    monkeypatch.setattr(machine, "_used", {})


@pytest.mark.usefixtures("fresh")
def test_versions_and_instruction_set_are_those_that_run():
    found = machine.facts()
    assert (found["diffusers"], found["numpy"]) == (diffusers.__version__, np.__version__)
    assert torch.__version__.startswith(found["torch"].partition("+")[0])
    assert found["instructions"] == torch.backends.cpu.get_cpu_capability().lower()
    assert "device" not in found
    assert json.loads(json.dumps(found)) == found


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(("name", "told"), [("float32", "float32"), ("bfloat16", "bfloat16")])
def test_device_and_precision_are_those_that_were_used(name, told):
    with devices.device("auto") as device:
        devices.precision(name, device)
    found = machine.facts()
    assert found["precision"] == told
    assert found["device"] == (torch.cuda.get_device_name() if device.type == "cuda" else device.type)


@pytest.mark.usefixtures("fresh")
def test_auto_is_recorded_as_what_it_became():
    with devices.device("cpu") as device:
        found = devices.precision("auto", device)
    assert machine.facts()["precision"] == str(found).removeprefix("torch.")


def test_a_job_without_torch_does_not_wait_for_it():
    code = "import sys; from selfrefine.core import machine; print(machine.facts()['torch'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, imported = done.stdout.split()
    assert torch.__version__.startswith(version.partition("+")[0])
    assert imported == "False"
