"""What a result depends on that no param names: versions, device, precision, instruction set. It enters no digest."""

import sys
from importlib import metadata

PACKAGES = ("torch", "diffusers", "numpy")  # whose versions change results
_used: dict[str, str] = {}  # by this process, which is one job


def uses(**facts: str) -> None:
    """Notes what this job computes with; of a fact that is noted twice the last one stays."""
    _used.update(facts)


def used(fact: str) -> str:
    """What was noted last; "" for nothing."""
    return _used.get(fact, "")


def facts() -> dict[str, str]:
    """What this job's results depend on beside its params.

    Returns:
        The versions of PACKAGES; `threads`, `device` and `precision` of a job that has used them; the processor's
        `instructions`, by which torch chooses its kernels (avx2, avx512, ...), of a process that has imported it.
    """
    found = {name: _version(name) for name in PACKAGES} | _used
    if "torch" in sys.modules:
        import torch

        found["instructions"] = torch.backends.cpu.get_cpu_capability().lower()
    return found


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
