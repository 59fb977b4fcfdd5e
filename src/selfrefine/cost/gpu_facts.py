"""What a GPU is, and which programs drive it: the facts that figures of two machines are compared by."""

import platform
import shutil
import subprocess

import torch

from selfrefine.core import devices, machine
from selfrefine.cost import device_memory
from selfrefine.cost.bounded import Tell
from selfrefine.cost.clock import Line, name_of
from selfrefine.params import code_digest

MACHINE = "machine"  # section
UNKNOWN = "unknown"


def measure(on: str, tell: Tell) -> None:
    """One line of MACHINE, of the device of that name and of what is around it."""
    with devices.device(on, "--device") as device:
        tell(MACHINE, _card(device) | _programs(device) | _surroundings())


def _card(device: torch.device) -> Line:
    if device.type != "cuda":
        return {"device": device.type, "memory_bytes": None, "free_bytes": None}
    found = torch.cuda.get_device_properties(device)
    return {
        "device": found.name,
        "compute_capability": f"{found.major}.{found.minor}",
        "multiprocessors": found.multi_processor_count,
        "gpus": torch.cuda.device_count(),
        "memory_bytes": device_memory.total(device),
        "free_bytes": device_memory.available(device),
    }


def _programs(device: torch.device) -> Line:
    return {
        "driver": driver(),
        "cuda": torch.version.cuda,
        "rocm": torch.version.hip,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "precision": name_of(devices.precision("auto", device)),
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
    } | {name: value for name, value in machine.facts().items() if name in machine.PACKAGES}


def _surroundings() -> Line:
    return {
        "processors": devices.processors(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "code": code_digest.digest("train_refined"),
    }


def driver() -> str:
    """The version of NVIDIA's driver, as its own tool tells it."""
    if (tool := shutil.which("nvidia-smi")) is None:
        return UNKNOWN
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20.0)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return next(iter(done.stdout.split()), UNKNOWN)
