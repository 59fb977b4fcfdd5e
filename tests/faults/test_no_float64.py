"""A device without float64 (Apple's GPUs): nothing in src asks it for that; maps are the CPU's."""

import ast

import pytest
import torch
from torch import Tensor

from selfrefine.diffusion import learned_variance, noise_schedule
from selfrefine.guidance import control_maps
from selfrefine.guidance.map_history import MapHistory
from selfrefine.guidance.refinement import Maps
from selfrefine.guidance.untrained_controls import TimeShift
from tests.support import no_float64, tiny_improved_ddpm
from tests.support.wrong_params import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
CREATORS = {"zeros", "ones", "full", "empty", "eye", "arange", "linspace", "rand", "randn", "tensor"}  # on the CPU
WIDE = {"float64", "double", "complex128", "cdouble"}


def doubles(source: str) -> list[int]:
    """Lines of a module that may make float64 of a tensor that need not be on the CPU.

    Allowed are `.double()` right of `.cpu()` or of `torch.from_numpy(...)` that has been moved nowhere, and
    `dtype=torch.float64` of a tensor that is made of nothing, without a device.
    """
    tree, allowed, found = ast.parse(source), set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _attribute(node.func) in CREATORS and _of_torch(node.func):
            names = {keyword.arg for keyword in node.keywords}
            allowed |= {
                id(keyword.value) for keyword in node.keywords if keyword.arg == "dtype" and "device" not in names
            }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _attribute(node.func) in ("double", "cdouble") and not _is_on_cpu(node.func):
            found.append(node.lineno)
        if isinstance(node, ast.Attribute) and node.attr in WIDE and _of_torch(node) and id(node) not in allowed:
            found.append(node.lineno)
        if isinstance(node, ast.Attribute) and node.attr in ("DoubleTensor", "set_default_dtype"):
            found.append(node.lineno)
    return found


def _attribute(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""


def _of_torch(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch"


# What it makes so is measured on processors, whatever the device (`Network.on_processors`).
ON_PROCESSORS = {"cost/loads.py"}


def _is_on_cpu(called: ast.expr) -> bool:
    """Whether what `.double` is called on is certainly on the CPU, reading its calls from right to left."""
    while isinstance(called, ast.Attribute) and isinstance(called.value, ast.Call):
        called = called.value.func
        if _attribute(called) == "cpu" or (_of_torch(called) and _attribute(called) == "from_numpy"):
            return True
        if _attribute(called) in ("to", "cuda", "mps"):
            return False
    return False


def test_no_module_makes_float64_on_a_device() -> None:
    found = {"/".join(path.parts[-2:]): lines for path in SOURCES if (lines := doubles(path.read_text()))}
    assert found.keys() == ON_PROCESSORS
    assert sum(path.read_text().count(".double()") for path in SOURCES) > 10


@pytest.mark.parametrize(
    "line",
    [
        "x.double()",
        "x.double().cpu()",
        "x.cpu().to(device).double()",
        "torch.from_numpy(x).to(device).double()",
        "x.to(torch.float64)",
        "x.sum(dtype=torch.float64)",
        "torch.zeros(3, dtype=torch.double, device=device)",
        "torch.zeros_like(x, dtype=torch.float64)",
        "wide = torch.float64",
        "torch.set_default_dtype(torch.float32)",
    ],
)
def test_every_way_to_float64_is_found(line: str) -> None:
    assert doubles(line)


@pytest.mark.parametrize("line", ["x.cpu().double()", "torch.eye(3, dtype=torch.float64)", "np.zeros(3, np.float64)"])
def test_float64_on_the_cpu_is_fine(line: str) -> None:
    assert doubles(line) == []


# -- run, on an imitated device ----------------------------------------------------------------------------------------

SIDE = 8
OF_IMAGES = ("label_shuffled", "real_map", "edge", "moment_gap")
KINDS = [kind for kind in control_maps.GuidanceMap.__args__ if kind not in OF_IMAGES]


def some_maps() -> list[Tensor]:
    draws = torch.Generator().manual_seed(0)
    return [torch.rand((SIDE, SIDE), generator=draws) for _ in range(2)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_is_made_there_as_here(kind: control_maps.GuidanceMap) -> None:
    def made(mfam: Tensor, first: Tensor) -> Tensor:
        found = control_maps.control(kind, mfam, first, seed=0, grid=4, input_size=64)
        return control_maps.matched(found, mfam)

    here = made(*some_maps())
    with no_float64.imitated() as device:
        there = made(*(one.to(device) for one in some_maps()))
        assert there.device == device
        torch.testing.assert_close(there.cpu(), here)


def test_maps_of_images_and_their_history_are_made_there_as_here() -> None:
    images = torch.rand((3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))

    def rows(shown: Tensor) -> list[Tensor]:
        moments = shown.mean(dim=0), shown.std(dim=0)
        maps = Maps(control_maps.edge(255.0 * shown), control_maps.moment_gap(shown - 0.5, *moments, 4))
        history = MapHistory(lambda *_: maps)
        for step in range(3):
            history(torch.nn.Identity(), step)
        assert history.current is not None
        return [torch.tensor(history.rows[-1]), history.mean(SIDE)[0], history.current.cpu()]

    here = rows(images)
    with no_float64.imitated() as device:
        there = rows(images.to(device))
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(other, one)


def test_tables_of_a_schedule_are_made_there_as_here() -> None:
    pipeline = tiny_improved_ddpm.pipeline()
    schedule = noise_schedule.of(pipeline)
    here = learned_variance.Bound(schedule).tables, TimeShift(pipeline.unet, schedule, 1.01).times
    with no_float64.imitated() as device:
        moved = schedule.to(device)
        bound, shift = learned_variance.Bound(moved), TimeShift(pipeline.unet, moved, 1.01)
        assert bound.tables.device == device
        torch.testing.assert_close(bound.tables.cpu(), here[0])
        assert (shift.times == here[1]).all()


def test_the_imitation_refuses_what_such_a_device_refuses() -> None:
    with no_float64.imitated() as device:
        one = torch.ones(3).to(device)
        for wrong in (one.double, lambda: one + torch.ones(3), lambda: torch.ones(3).double().to(device)):
            with pytest.raises((TypeError, RuntimeError), match=r"no float64|two devices"):
                wrong()
