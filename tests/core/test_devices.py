"""What float32 means on the device of a job."""

from collections.abc import Iterator

import pytest
import torch

from selfrefine.core import devices

BACKENDS = (torch.backends.cuda.matmul, torch.backends.cudnn)


@pytest.fixture
def lax() -> Iterator[None]:
    """TensorFloat-32 everywhere, as some environments have it; undone afterwards."""
    kept = [backend.allow_tf32 for backend in BACKENDS]
    for backend in BACKENDS:
        backend.allow_tf32 = True
    yield
    for backend, allowed in zip(BACKENDS, kept, strict=True):
        backend.allow_tf32 = allowed


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
@pytest.mark.parametrize("name", ["auto", "cpu"])
def test_float32_has_its_whole_mantissa_in_a_job_of_any_precision(lax: None, name: str, precision: str) -> None:
    assert all(backend.allow_tf32 for backend in BACKENDS)
    with devices.device(name) as device:
        devices.precision(precision, device)
        assert not any(backend.allow_tf32 for backend in BACKENDS)
        assert torch.get_float32_matmul_precision() == "highest"
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # some of the metrics
            pass
        assert not torch.backends.cudnn.allow_tf32
