"""The pins: one set for pip and conda, complete, and those that are installed where the tests run."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
# A program, and what makes it read params.yaml in C: not imported.
NOT_IMPORTED = {"dvc", "ruamel-yaml-clib"}
# What imports a package under another name.
PACKAGE_OF = {"skimage": "scikit-image", "yaml": "pyyaml", "PIL": "pillow"}


def pins(name: str) -> dict[str, str]:
    """The versions in a requirements file, each of which must be exact."""
    versions = {}
    for line in (ROOT / name).read_text().splitlines():
        text = line.split("#")[0].strip()
        if text and not text.startswith("-r "):
            match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)", text)
            assert match, f"{name}: {text!r} is not of the form name==version"
            versions[canonicalize_name(match[1])] = match[2]
    return versions


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_direct_requirements_have_the_version_of_the_constraints(name: str) -> None:
    constraints = pins("constraints.txt")
    assert pins(name).items() <= constraints.items()


def test_conda_installs_the_same_pins() -> None:
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    words = next(entry["pip"] for entry in conda if isinstance(entry, dict))
    assert words == ["-r requirements.txt", "-c constraints.txt", "-e ."]
    assert 'dependencies = { file = ["requirements.txt"] }' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_what_make_installs_has_the_same_versions_and_every_file_a_hash(name: str) -> None:
    packages = re.split(r"\n(?=\w)", (ROOT / f"{name}.lock").read_text())[1:]
    assert all("--hash=sha256:" in package for package in packages)
    made = {
        canonicalize_name(found[1]): found[2] for found in map(re.compile(r"([\w.-]+)==(\S+)").match, packages) if found
    }
    assert len(made) == len(packages)
    assert pins(f"{name}.txt").items() <= made.items()
    constraints = pins("constraints.txt")
    elsewhere = {"httpx2-jsfetch", "pyreadline3", "pywin32", "tzdata"}  # of systems that are not ours
    assert {
        package: version for package, version in made.items() if package not in elsewhere
    }.items() <= constraints.items()
    makefile = (ROOT / "Makefile").read_text()
    assert f"install -qq --require-hashes --requirement {name}.lock" in makefile


def test_constraints_are_the_packages_that_the_requirements_bring_along() -> None:
    """Nothing unpinned, nothing left over: the closure of the requirements here, with the versions installed here."""
    todo = [(name, frozenset[str]()) for name in pins("requirements.txt") | pins("requirements-dev.txt")]
    seen = set(todo)
    versions = {}
    while todo:
        name, extras = todo.pop()
        package = importlib.metadata.distribution(name)
        versions[name] = package.version
        for requirement in map(Requirement, package.requires or []):
            if any(requirement.marker is None or requirement.marker.evaluate({"extra": e}) for e in extras | {""}):
                entry = (canonicalize_name(requirement.name), frozenset(requirement.extras))
                todo += [entry] if entry not in seen else []
                seen.add(entry)
    constraints = pins("constraints.txt")
    assert versions.items() <= constraints.items()
    elsewhere = constraints.keys() - versions.keys()  # of other platforms and Pythons, such as CUDA's on a Mac
    if sys.platform == "linux" and sys.version_info[:2] == (3, 11):
        assert not elsewhere


def test_actions_of_others_are_named_by_their_commit() -> None:
    """A tag can be moved to other code; the version beside the commit is for people."""
    used = [
        line.split("uses:")[1].strip()
        for file in (ROOT / ".github" / "workflows").glob("*.yml")
        for line in file.read_text().splitlines()
        if "uses:" in line
    ]
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_every_package_that_the_sources_import_is_a_direct_requirement() -> None:
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                imported.add(node.module.split(".")[0])
    outside = imported - set(sys.stdlib_module_names) - {"selfrefine"}
    required = {canonicalize_name(PACKAGE_OF.get(name, name)) for name in outside}
    assert required | NOT_IMPORTED == pins("requirements.txt").keys()


def test_no_address_of_an_index_or_a_file() -> None:
    names = [
        "requirements.txt",
        "requirements-dev.txt",
        "constraints.txt",
        "environment.yml",
        "pyproject.toml",
        "Makefile",
    ]
    for name in names:
        assert not re.search(r"index-url|find-links|file:|://", (ROOT / name).read_text()), name
