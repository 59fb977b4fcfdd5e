"""Digest of the code behind a stage: a changed expression reruns what depends on it, a changed comment nothing.

Snakemake sees the text of a shell command, not the modules that run in it; every rule has this digest among its params.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from selfrefine.core.errors import InputError

PACKAGE = "selfrefine"
FAMILIES = f"{PACKAGE}.networks"  # its modules are imported by name at run time: one model family each
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SOURCE = Path(__file__).resolve().parents[2]


def digest(stage: str, family: str | None = None, source: Path = SOURCE) -> str:
    """Digest of the syntax trees of a stage and of every first-party module that it imports, also inside functions.

    Args:
        stage: its name.
        family: the model family of the job, a module of `selfrefine.networks`; None counts all of them.
        source: the folder that holds the package.

    Raises:
        InputError: no such stage or family.
    """
    files = closure(stage, family, source)
    parts = [f"{module} {_tree(files[module])[0]}" for module in sorted(files)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@functools.cache
def closure(stage: str, family: str | None = None, source: Path = SOURCE) -> dict[str, Path]:
    """The modules that `digest` covers and their files; same arguments."""
    found: dict[str, Path] = {}
    wanted = [f"{PACKAGE}.stages.{stage}"]
    while wanted:
        module = wanted.pop()
        if module in found:
            continue
        file = _file(source, module)
        if file is None:
            raise InputError(f"{source.joinpath(*module.split('.'))}.py: no such module; stage {stage} needs it")
        found[module] = file
        wanted += _imports(source, module, file)
        if module == FAMILIES:
            wanted += [f"{FAMILIES}.{family}"] if family else _families(source)
    return found


def _families(source: Path) -> list[str]:
    """All modules of the families' package."""
    folder = source.joinpath(*FAMILIES.split("."))
    return [f"{FAMILIES}.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"]


@functools.cache
def _file(source: Path, module: str) -> Path | None:
    """The file of a module or package, None if there is none."""
    path = source.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(source: Path, module: str, file: Path) -> Iterator[str]:
    """First-party modules that a module imports anywhere in it, and the packages that hold it."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for name in (module, *(_absolute(name, package) for name in _tree(file)[1])):
        parts = name.split(".")
        if parts[0] == PACKAGE:
            prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            yield from (prefix for prefix in prefixes if _file(source, prefix))


def _absolute(name: str, package: str) -> str:
    """`name` without its leading dots: one dot is the package, each further one the package that holds it."""
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], name.lstrip(".")])


@functools.cache
def _tree(file: Path) -> tuple[str, tuple[str, ...]]:
    """The digest of a file's syntax tree without docstrings, and the names of all that it imports.

    `ast.unparse` rather than `ast.dump`: the latter changes between versions of Python.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (f"{node.module}." if node.module else "")
            names += [origin + alias.name for alias in node.names]
        elif isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), tuple(names)
