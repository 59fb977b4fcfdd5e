"""One thread in every test: faster for tensors this small, and the bits of a float depend on the number of threads."""

from collections.abc import Iterator

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Takes back what a command that a test ran has set, so that the next test's bits equal those of a child."""
    yield
    torch.set_num_threads(1)
