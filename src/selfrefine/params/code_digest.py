"""Digest of the code behind a stage: a changed expression reruns what depends on it; comments and texts do nothing.

Snakemake sees the text of a shell command, not the modules that run in it; every rule has this digest among its params.
"""

import ast
import contextlib
import functools
import hashlib
import json
import sys
from pathlib import Path

from selfrefine.core import files
from selfrefine.core.errors import InputError
from selfrefine.params import code_texts

PACKAGE = "selfrefine"
FAMILIES = f"{PACKAGE}.networks"  # its modules are imported by name at run time: one model family each
SOURCE = Path(__file__).resolve().parents[2]
DIGITS = 16  # of a digest, in hex
# What reads a module: where it differs, what was kept of the module is not used.
READERS = [Path(__file__).read_bytes(), Path(code_texts.__file__).read_bytes(), sys.version.encode()]
READER = hashlib.sha256(b"\n".join(READERS)).hexdigest()[:DIGITS]


def digest(stage: str, family: str | None = None, source: Path = SOURCE) -> str:
    """Digest of the syntax trees of a stage and of every first-party module that it imports, also inside functions.

    Args:
        stage: its name.
        family: the model family of the job, a module of `selfrefine.networks`; None counts all of them.
        source: the folder that holds the package.

    Raises:
        InputError: no such stage or family.
    """
    parts = [f"{module} {_tree(_found(source, module))[0]}" for module in sorted(closure(stage, family, source))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:DIGITS]


@functools.cache
def modules(stage: str, family: str | None = None, source: Path = SOURCE) -> dict[str, str]:
    """The digest of each module that `digest` covers, by its path in the package ("core/files.py"); same arguments."""
    files = [_found(source, module) for module in sorted(closure(stage, family, source))]
    return {file.relative_to(source / PACKAGE).as_posix(): _tree(file)[0][:DIGITS] for file in files}


def modules_behind(stage: str, code: str, source: Path = SOURCE) -> dict[str, str]:
    """`modules` of the family, or of none, for which the stage has the digest `code`.

    Empty where there is none: the source has changed since that digest was taken.
    """
    families = [None, *sorted(name.rpartition(".")[2] for name in _families(source))]
    found = (family for family in families if digest(stage, family, source) == code)
    return next((modules(stage, family, source) for family in found), {})


def forget() -> None:
    """What is asked next is read from the disk again."""
    for known in (modules, closure, _file, _imports, _tree):
        known.cache_clear()


@functools.cache
def closure(stage: str, family: str | None = None, source: Path = SOURCE) -> dict[str, str]:
    """The modules that `digest` covers, each with the one that imports it, nearest to the stage; same arguments."""
    found: dict[str, str] = {}
    wanted = [(f"{PACKAGE}.stages.{stage}", "")]
    for module, importer in wanted:
        if module in found:
            continue
        if _file(source, module) is None:
            raise InputError(f"{source.joinpath(*module.split('.'))}.py: no such module; stage {stage} needs it")
        found[module] = importer
        names = _imports(source, module)
        if module == FAMILIES:
            names = names + ([f"{FAMILIES}.{family}"] if family else _families(source))
        wanted += [(name, module) for name in names]
    return found


def chain(stage: str, module: str) -> list[str]:
    """The shortest way from a stage to a module of its closure: each imports the next."""
    importers = closure(stage)
    way = [module]
    while importer := importers[way[0]]:
        way.insert(0, importer)
    return way


def _families(source: Path) -> list[str]:
    """All modules of the families' package."""
    folder = source.joinpath(*FAMILIES.split("."))
    return [f"{FAMILIES}.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"]


@functools.cache
def _file(source: Path, module: str) -> Path | None:
    """The file of a module or package, None if there is none."""
    path = source.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _found(source: Path, module: str) -> Path:
    """The file of a module of a closure."""
    file = _file(source, module)
    assert file is not None
    return file


@functools.cache
def _imports(source: Path, module: str) -> list[str]:
    """First-party modules that a module imports anywhere in it, and the packages that hold it."""
    file = _found(source, module)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: list[str] = []
    for name in (module, *(_absolute(name, package) for name in _tree(file)[1])):
        parts = name.split(".")
        if parts[0] == PACKAGE:
            prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            found += [prefix for prefix in prefixes if _file(source, prefix)]
    return list(dict.fromkeys(found))


def _absolute(name: str, package: str) -> str:
    """`name` without its leading dots: one dot is the package, each further one the package that holds it."""
    dots = len(name) - len(name.lstrip("."))
    if not dots:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - dots + 1], name.lstrip(".")])


@functools.cache
def _tree(file: Path) -> tuple[str, tuple[str, ...]]:
    """The digest of a file's syntax tree without its texts, and the names of all that it imports.

    Both are kept beside Python's own bytecode under the digest of the bytes that they were read from: parsing all
    modules takes longer than all else that a run with nothing to do does here.
    """
    content = file.read_bytes()
    key = f"{READER} {hashlib.sha256(content).hexdigest()}"
    kept = file.parent / "__pycache__" / f"{file.stem}.digest.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # none, or a spoilt one
        known = json.loads(kept.read_text())
        if known["key"] == key:
            return known["digest"], tuple(known["imports"])
    digest, names = _parsed(content, file)
    with contextlib.suppress(OSError):  # a folder that cannot be written: it is read again the next time
        files.write_json(kept, {"key": key, "digest": digest, "imports": names})
    return digest, names


def _parsed(content: bytes, file: Path) -> tuple[str, tuple[str, ...]]:
    """`_tree`, from the content itself. `ast.unparse`, since `ast.dump` changes between versions of Python."""
    tree = ast.parse(content, filename=str(file))
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (f"{node.module}." if node.module else "")
            names += [origin + alias.name for alias in node.names]
    code_texts.remove_texts(tree)
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest(), tuple(names)
