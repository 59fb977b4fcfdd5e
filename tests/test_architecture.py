"""The rules that keep the rooms apart: who imports whom, opens files, reads arguments; how large a room may be."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "selfrefine"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
LIBRARY = [name for name in MODULES if not name.startswith(("selfrefine.stages", "selfrefine.commands"))]
STAGES = [name for name in MODULES if name.startswith("selfrefine.stages.")]
# What the workflow needs before any job runs.
LIGHT = [
    "selfrefine",
    *(f"selfrefine.{name}" for name in ("config", "code_digest", "image_folder", "params", "references", "relations")),
    *(f"selfrefine.{name}" for name in ("family_relations", "given_folders", "strict_yaml", "typed_json")),
]
HEAVY = {"torch", "numpy", "pandas", "diffusers", "matplotlib", "torch_fidelity", "torchvision", "scipy", "sklearn"}
# Ways to open a file, as they are written.
OPENERS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "read_csv", "to_csv", "savefig", "memmap"}
OPENERS |= {"loadtxt", "fromfile", "savez", "save_file", "safe_open", "from_pretrained", "save_pretrained"}
OPENERS |= {f"{module}.{verb}" for module in ("np", "torch", "json", "pickle") for verb in ("load", "save", "dump")}
# Who may open files besides `files`, and what.
NOT_DATA = {
    "selfrefine.params.strict_yaml": {"read_text"},  # params
    "selfrefine.params.code_digest": {"read_text"},  # source code
    "selfrefine.data.hub_images": {"write_bytes", "open"},  # images of a folder that only appears when it is whole
    "selfrefine.core.scratch": {"open", "read_text"},  # the lock of a scratch folder
    "selfrefine.core.job": {"open"},  # the lock of a GPU
    "selfrefine.data.package_archives": {"open"},  # archives of package indices
    "selfrefine.data.image_decoding": {"open", "Image.open"},  # decodes bytes that `files` read
    "selfrefine.pretrained.imagenet_weights": {"torch.load"},  # torchvision's own format
    "selfrefine.metrics.clip_score": {"from_pretrained"},  # transformers folders
    "selfrefine.metrics.features": {"torch.save"},  # an empty file in memory, for torch-fidelity to read
    "selfrefine.networks": {"from_pretrained", "save_pretrained"},  # diffusers folders
    "selfrefine.diffusion.autoencoder": {"from_pretrained", "save_pretrained"},  # the same, of autoencoders
    "selfrefine.pretrained.text_encoder": {"from_pretrained", "save_pretrained"},  # transformers folders
    "selfrefine.core.joined_arrays": {"open"},  # an .npy file, written in parts
}


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
            if f"selfrefine.{owner}" not in MODULES:
                yield from (called, f"{owner}.{called}")


def test_there_is_something_to_check():
    assert len(LIBRARY) > 25
    assert len(STAGES) == 23


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_imports_neither_stages_nor_commands(name):
    assert not [found for found in imports(name) if found.startswith(("selfrefine.stages", "selfrefine.commands"))]


@pytest.mark.parametrize("name", STAGES)
def test_stages_do_not_import_each_other(name):
    assert not [found for found in imports(name) if found.startswith(("selfrefine.stages", "selfrefine.commands"))]


@pytest.mark.parametrize("name", LIGHT)
def test_the_workflow_imports_nothing_heavy(name):
    allowed = sys.stdlib_module_names | {"yaml", "jsonschema"}
    ours = {*LIGHT, "selfrefine.core.errors"}
    for found in imports(name):
        if found.split(".")[0] == "selfrefine":
            assert {found, found.rpartition(".")[0]} & (ours - {"selfrefine"})
        else:
            assert found.split(".")[0] in allowed


def test_checks_of_params_do_not_belong_to_the_code_of_a_stage():
    for name in STAGES:
        assert not {"selfrefine.params.check", "selfrefine.params.references", "selfrefine.params.strict_yaml"} & set(
            imports(name)
        )
    assert not [found for found in imports("selfrefine.params.job_config") if found.startswith("selfrefine.p")]


@pytest.mark.parametrize("name", LIBRARY + STAGES)
def test_only_files_opens_data_files(name):
    if name == "selfrefine.core.files":
        return
    assert OPENERS & set(calls(name)) <= NOT_DATA.get(name, set())


@pytest.mark.parametrize("name", LIBRARY + STAGES)
def test_only_runtime_reads_arguments(name):
    attributes = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    assert name in ("selfrefine.core.job", "selfrefine.commands.run_stage") or not (
        {"argv"} & attributes or "argparse" in set(imports(name))
    )


@pytest.mark.parametrize("name", [*LIBRARY, *STAGES])
def test_numbers_come_from_the_params_not_from_the_surroundings(name):
    """Nothing but the config decides what a stage computes."""
    used = {node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute)}
    surrounded = (
        "selfrefine.data.package_archives",
        "selfrefine.commands.run_stage",
    )  # the registry; what a job's process inherits
    assert name in surrounded or not {"environ", "getenv"} & used


@pytest.mark.parametrize("name", MODULES)
def test_rooms_are_small(name):
    assert len(MODULES[name].read_text(encoding="utf-8").splitlines()) <= 250
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= 50, node.name


def test_the_packages_own_file_imports_nothing_heavy():
    assert not HEAVY & {found.split(".")[0] for found in imports("selfrefine")}
