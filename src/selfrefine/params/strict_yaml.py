"""Reads a YAML file of params, and refuses what Snakemake (YAML 1.1) and DVC (YAML 1.2) would read differently."""

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from selfrefine.core.errors import InputError

# Plain scalars of YAML 1.2, its core schema; anything else is a text.
CORE_SCHEMA: tuple[tuple[str, Callable[[str], Any]], ...] = (
    (r"~|null|Null|NULL|", lambda text: None),
    (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    (r"[-+]?[0-9]+", int),
    (r"0o[0-7]+", lambda text: int(text[2:], 8)),
    (r"0x[0-9a-fA-F]+", lambda text: int(text, 16)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
)


def read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: params.yaml or an overlay of experiments/.

    Raises:
        InputError: no such file, no mapping, no YAML, a key given twice, or a scalar with two readings.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; run from the project's root")
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise InputError(f"{path}: a mapping of names to values is needed; write {{}} for an empty one")
        for node in _nodes(root):
            _refuse(path, node, loader)
        value: dict[str, Any] = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}, line {line}: not YAML: {error.problem}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return value


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    """A node and all below it."""
    yield node
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            yield from _nodes(part)


def _refuse(path: Path, node: yaml.Node, loader: yaml.SafeLoader) -> None:
    """Raises InputError if the node is a mapping with a bad or repeated key, or a scalar with two readings."""
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                raise InputError(f"{path}, line {line}: {key.value or 'a mapping'} is no name; a key is a text")
            if key.value in keys:
                raise InputError(f"{path}, line {line}: {key.value} is given twice; delete one")
            keys.add(key.value)
    elif isinstance(node, yaml.ScalarNode) and node.style is None:
        old, new = _old_reading(node, loader), _new_reading(node.value)
        if old != new or type(old) is not type(new):
            numbers = [
                _unmistakable(value) for value in (old, new) if isinstance(value, int | float) and math.isfinite(value)
            ]
            fixes = " or ".join(dict.fromkeys([*numbers, json.dumps(node.value)]))
            message = f"{node.value} reads differently in YAML 1.1 (Snakemake) and YAML 1.2 (DVC); write {fixes}"
            raise InputError(f"{path}, line {node.start_mark.line + 1}: {message}")


def _old_reading(node: yaml.ScalarNode, loader: yaml.SafeLoader) -> Any:
    """What YAML 1.1 makes of a plain scalar."""
    try:
        return loader.construct_object(node)
    except ValueError:  # looks like a date and is none
        return None


def _new_reading(text: str) -> Any:
    """What YAML 1.2 makes of a plain scalar."""
    for pattern, convert in CORE_SCHEMA:
        if re.fullmatch(pattern, text):
            return convert(text)
    return text


def _unmistakable(value: float) -> str:
    """A number, true or false, written so that it has one reading: 1e-4 becomes 0.0001."""
    if isinstance(value, int):
        return json.dumps(value)
    plain = format(Decimal(repr(value)), "f")
    return plain if "." in plain else f"{plain}.0"
