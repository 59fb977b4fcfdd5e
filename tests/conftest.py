"""One thread in every test: faster for tensors this small, and the bits of a float depend on the number of threads.

`make test` shares the tests out among as many workers as there are processors, a module to each in turn.
"""

import gc
import os
import signal
from collections.abc import Iterator

import pytest
import torch

from tests.support.collected import COLLECTED

torch.set_num_threads(1)

# Modules that take half a minute or more, in the order in which workers shall take them: none of them last, when other
# workers have nothing left, and what needs the finished smoke experiment not while another worker is making it.
LONG = [
    *("workflow/test_dvc.py", "workflow/test_rehearsal.py", "workflow/test_my_images.py", "workflow/test_slurm.py"),
    *("commands/test_refine.py", "workflow/test_storage.py", "workflow/test_rules.py", "params/test_broken_params.py"),
    *("workflow/test_hostile_names.py", "commands/test_plan.py", "workflow/test_commands.py"),
    *("workflow/test_records.py", "library/test_highlight.py", "tests/test_code_blocks.py"),
    *("commands/test_check_gpu.py", "study/test_page.py", "workflow/test_side_by_side.py", "cost/test_throughput.py"),
    *("library/test_kinds.py", "faults/test_stopped.py", "commands/test_bench.py", "workflow/test_one_table.py"),
]


def pytest_configure() -> None:
    """Gives each worker a processor of its own: threads that wait for one another on shared ones lose most of it.

    And Ctrl-C, which whatever is started in the background of a shell ignores: tests send it to what they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        if processors:
            os.sched_setaffinity(0, {processors[int(worker.removeprefix("gw")) % len(processors)]})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long modules first, then all others in their order."""
    config.stash[COLLECTED] = list(items)
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(LONG)))


def pytest_collection_finish() -> None:
    """Of modules and ten thousand tests nothing becomes garbage: looking through them took a third of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Takes back what a command that a test ran has set, so that the next test's bits equal those of a child."""
    yield
    torch.set_num_threads(1)
