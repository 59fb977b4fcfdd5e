"""The rules that keep the rooms apart: who imports whom, opens files, reads arguments; how large a module may be."""

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "selfrefine"
# The rooms by floor, from the top: a room imports only from rooms on floors below its own.
FLOORS = (
    ("commands",),
    ("stages", "library", "cost"),
    ("study",),
    ("training", "evidence"),
    ("report", "guidance"),
    ("metrics", "highlighter"),
    ("pretrained", "networks"),
    ("data", "diffusion", "params"),
    ("core",),
)
FLOOR = {room: len(FLOORS) - number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
STAGES = [name for name in MODULES if name.startswith("selfrefine.stages.")]
LIBRARY = [name for name in MODULES if not name.startswith(("selfrefine.stages", "selfrefine.commands"))]
# What the workflow needs before any job runs.
LIGHT = [
    "selfrefine",
    *(name for name in MODULES if name.startswith("selfrefine.params")),
    *(f"selfrefine.{name}" for name in ("core", "core.config_json", "core.contents", "core.errors", "core.names")),
    *(f"selfrefine.{name}" for name in ("data", "data.image_folder", "data.user_files", "data.split_names")),
    *(f"selfrefine.{name}" for name in ("data.counted_images", "data.idx_sets")),
]
HEAVY = {"torch", "numpy", "pandas", "diffusers", "matplotlib", "torch_fidelity", "torchvision", "scipy", "sklearn"}
# Ways to open a file, as they are written.
OPENERS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "read_csv", "to_csv", "savefig", "memmap"}
OPENERS |= {"loadtxt", "fromfile", "savez", "save_file", "safe_open", "from_pretrained", "save_pretrained"}
OPENERS |= {f"{module}.{verb}" for module in ("np", "torch", "json", "pickle") for verb in ("load", "save", "dump")}
# Who may open files besides `files` and `arrays`, and what.
NOT_DATA = {
    "selfrefine.params.strict_yaml": {"read_text"},  # params
    "selfrefine.params.code_digest": {"read_text", "read_bytes"},  # source code, and what was kept of it
    "selfrefine.data.hub_images": {"write_bytes", "open"},  # images of a folder that only appears when it is whole
    "selfrefine.core.contents": {"open", "read_text"},  # bytes of the user's files, and a cache of digests
    "selfrefine.data.image_folder": {"open"},  # how files begin
    "selfrefine.core.devices": {"read_text"},  # the memory that a container may take
    "selfrefine.core.record": {"read_text"},  # records and seals, damaged ones too
    "selfrefine.core.locks": {"read_text", "write_text"},  # who holds a lock
    "selfrefine.data.package_archives": {"open"},  # archives of package indices
    "selfrefine.data.image_decoding": {"open", "Image.open"},  # photographs of the user
    "selfrefine.library.highlighting.file_traits": {"open"},  # images of the user
    "selfrefine.library.highlighting.pictures": {"write_bytes"},  # of a folder that only appears when it is whole
    "selfrefine.library.highlighting.outputs": {"open"},  # the same: an array larger than memory
    "selfrefine.pretrained.imagenet_weights": {"torch.load"},  # torchvision's own format
    "selfrefine.pretrained.given_transformers": {"from_pretrained"},  # tensors that are read already
    "selfrefine.metrics.clip_score": {"from_pretrained"},  # transformers folders
    "selfrefine.pretrained.inception_network": {"torch.save"},  # an empty file in memory, for torch-fidelity to read
    "selfrefine.cost.made_photographs": {"write_bytes"},  # of a folder that only appears when it is whole
    "selfrefine.cost.made_networks": {"save_pretrained"},  # the same
    "selfrefine.networks": {"from_pretrained", "save_pretrained"},  # diffusers folders
    "selfrefine.diffusion.autoencoder": {"save_pretrained"},  # the same, of autoencoders
    "selfrefine.core.strict_loading": {"from_pretrained"},  # folders of both libraries
    "selfrefine.pretrained.text_encoder": {"from_pretrained", "save_pretrained"},  # transformers folders
    "selfrefine.study.answers": {"open", "read_bytes"},  # files that grow by a line, on the disk before it is told
}
OURS = {name.rpartition(".")[2] for name in MODULES}


def imports(name):
    """Full names of all that a module imports, anywhere in it."""
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                origin = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *origin.split(".")])
            yield from (f"{origin.strip('.')}.{alias.name}" for alias in node.names)


def calls(name):
    """What a module calls, as "function" and as "object.function"; of calls on our own modules nothing."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call):
            called, owner = getattr(node.func, "attr", getattr(node.func, "id", "")), ""
            if isinstance(node.func, ast.Attribute):
                owner = getattr(node.func.value, "id", "")
            if owner not in OURS:
                yield from (called, f"{owner}.{called}")


def room(name):
    """The room of a module, "" for the package itself."""
    return name.split(".")[1] if "." in name else ""


def imported_modules(name):
    """Our own modules that a module imports: itself or names of theirs."""
    for found in imports(name):
        for module in (found, found.rpartition(".")[0]):
            if module in MODULES and module != "selfrefine":
                yield module
                break


def test_every_module_stands_in_a_room_and_every_room_has_a_floor():
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == FLOOR.keys()
    assert {path.name for path in PACKAGE.glob("*.py")} <= {"__init__.py", "__main__.py"}
    assert len(STAGES) == 29


@pytest.mark.parametrize("name", [name for name in MODULES if room(name)])
def test_a_room_imports_only_from_floors_below(name):
    against = [
        found
        for found in imported_modules(name)
        if room(found) != room(name) and FLOOR[room(found)] >= FLOOR[room(name)]
    ]
    assert not against


@pytest.mark.parametrize("inside", FLOOR)
def test_no_circle_within_a_room(inside):
    """Of the modules themselves: that a package's own file names what it holds is no circle."""
    names = [name for name in MODULES if room(name) == inside and MODULES[name].name != "__init__.py"]
    graph = {name: {found for found in imported_modules(name) if found in names and found != name} for name in names}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("name", STAGES)
def test_stages_do_not_import_each_other(name):
    assert not [found for found in imports(name) if found.startswith("selfrefine.stages")]


def test_the_page_of_the_code_lists_the_rooms_in_their_order():
    """One line each, from the top floor down."""
    page = (ROOT / "docs" / "code.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE)
    assert listed == [name for rooms in FLOORS for name in rooms]


def test_tests_mirror_the_rooms_and_import_no_other_test():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - FLOOR.keys() == {"support", "parity", "faults", "workflow"}
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests"):
                found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                assert not [name for name in found if ".test_" in name], path
                assert all(name.startswith("tests.support") for name in found[1:]) or "conftest" in found[0], path


@pytest.mark.parametrize("name", LIGHT)
def test_the_workflow_imports_nothing_heavy(name):
    allowed = sys.stdlib_module_names | {"yaml", "jsonschema"}
    for found in imports(name):
        if found.split(".")[0] == "selfrefine":
            assert {found, found.rpartition(".")[0]} & {*LIGHT} - {"selfrefine"}
        else:
            assert found.split(".")[0] in allowed


@pytest.mark.parametrize("name", LIBRARY + STAGES)
def test_only_files_and_arrays_open_data_files(name):
    if name not in ("selfrefine.core.files", "selfrefine.core.arrays"):
        assert OPENERS & set(calls(name)) <= NOT_DATA.get(name, set())


@pytest.mark.parametrize("name", LIBRARY + STAGES)
def test_only_jobs_and_commands_read_arguments(name):
    attributes = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    assert name == "selfrefine.core.job" or not ({"argv"} & attributes or "argparse" in set(imports(name)))


@pytest.mark.parametrize("name", [*LIBRARY, *STAGES])
def test_numbers_come_from_the_params_not_from_the_surroundings(name):
    """Nothing but the config decides what a stage computes; not where packages come from, nor which card is free."""
    used = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    apart = {"selfrefine.data.package_archives", "selfrefine.core.devices"}
    assert name in apart or not {"environ", "getenv"} & used


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_are_small(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 250
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 50, node.name


@pytest.mark.parametrize("name", [*STAGES, "selfrefine.commands.run_stage", "selfrefine.commands.main"])
def test_a_module_that_is_run_runs_when_all_of_it_is_defined(name):
    """What stands behind the guard is not there yet when the module is run, but is when a test imports it."""
    *_, last = TREES[name].body
    assert isinstance(last, ast.If)
    assert "__name__" in ast.unparse(last.test)


def test_the_packages_own_file_imports_nothing_heavy():
    assert not HEAVY & {found.split(".")[0] for found in imports("selfrefine")}
