"""A process that is forked to use a GPU must have started neither CUDA nor threads: torch and the system tell."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from selfrefine.core import forkable

# What is imported before a fork, by whom.
IMPORTS = {
    "jobs of a run": "from selfrefine.commands import run_stage; run_stage.import_slow_packages()",
    "parts of check-gpu": "import selfrefine.cost.preloaded",
}
FORK = """
import os, torch
if child := os.fork():
    os.waitpid(child, 0)
else:
    print(torch.cuda._is_in_bad_fork(), flush=True)
    os._exit(0)
"""


def is_bad(imports):
    """Whether CUDA would refuse to work in a fork after these imports."""
    done = subprocess.run([sys.executable, "-c", f"{imports}\n{FORK}"], capture_output=True, text=True, check=True)
    return {"True\n": True, "False\n": False}[done.stdout]


@pytest.mark.parametrize("who", IMPORTS)
def test_forks_after_the_slow_imports_can_use_a_gpu(who):
    assert not is_bad(IMPORTS[who])


@pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="only Linux lists threads there, and only there jobs are forks"
)
@pytest.mark.parametrize(("imports", "threads"), [*((of, 1) for of in IMPORTS.values()), ("import pyarrow", 2)])
def test_a_process_that_is_to_be_forked_has_one_thread(imports, threads):
    """pyarrow by itself leaves one, so that a count which sees none would be seen."""
    count = "import os; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", f"{imports}\n{count}"], capture_output=True, text=True, check=True)
    assert int(done.stdout) == threads


def test_a_fork_that_cannot_would_be_seen():
    assert is_bad("import torch; torch.cuda.is_available()")


def import_nothing():
    with forkable.untouched_gpu():
        assert not torch.cuda.is_available()
        assert not torch.accelerator.is_available()
        raise ImportError("no such package")


def test_torch_finds_its_gpus_again_afterwards():
    asked = torch.cuda.is_available, torch.accelerator.is_available
    with pytest.raises(ImportError, match="no such package"):
        import_nothing()
    assert (torch.cuda.is_available, torch.accelerator.is_available) == asked
