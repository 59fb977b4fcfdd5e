"""Reads a YAML file of params, and refuses what Snakemake (YAML 1.1) and DVC (YAML 1.2) would read differently.

A params file is data: names, lists and scalars. Tags, aliases and `__use_yte__`, with which Snakemake runs the Python
in a file, are refused. Only numbers with an exponent, often texts in YAML 1.1, are read as YAML 1.2 does: DVC writes
0.00001 as 1e-05, and the Snakefile reads its params with this module.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from selfrefine.core.errors import InputError
from selfrefine.params.words import short

# Plain scalars of YAML 1.2, its core schema; anything else is a text.
CORE_SCHEMA: tuple[tuple[str, Callable[[str], Any]], ...] = (
    (r"~|null|Null|NULL|", lambda text: None),
    (r"true|True|TRUE|false|False|FALSE", lambda text: text.lower() == "true"),
    (r"[-+]?[0-9]+", int),
    (r"0o[0-7]+", lambda text: int(text[2:], 8)),
    (r"0x[0-9a-fA-F]+", lambda text: int(text, 16)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
)
EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")  # as DVC reads them: with a digit in front
TEXT, NUMBER = "tag:yaml.org,2002:str", "tag:yaml.org,2002:float"
TEMPLATES = "__use_yte__"
DEEPEST = 20  # mappings and lists in each other
LONGEST = 1000  # characters of a scalar


def read(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Args:
        path: params.yaml or an overlay of experiments/.

    Raises:
        InputError: no such file, no mapping, no YAML, no plain data, a key given twice, or a scalar with two readings.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; run from the project's root")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not YAML: {short(error)}") from error
    value = parse(text, str(path))
    if not isinstance(value, dict):
        raise InputError(f"{path}: a mapping of names to values is needed; write {{}} for an empty one")
    return value


def parse(text: str, place: str) -> Any:
    """The value of a YAML text; None of an empty one.

    Args:
        text: such as {n_fakes: 64}.
        place: where it stands: the beginning of a line about it.

    Raises:
        InputError: no YAML, no plain data, a key given twice, or a scalar with two readings.
    """
    try:
        _refuse_events(text)
        loader = yaml.CSafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        for node in _nodes(root):
            _refuse(node, loader)
        return loader.construct_document(root)
    except InputError as error:
        raise InputError(f"{place}{error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{place}, line {line}: not YAML: {short(error.problem)}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise InputError(f"{place}: not YAML: {short(error)}") from error


def _refuse_events(text: str) -> None:
    """Raises InputError before anything is built of a text that is no plain data: no alias, no tag, nothing endless."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        fault = None
        if isinstance(event, yaml.AliasEvent):
            fault = f"*{short(event.anchor)} is an alias; write out what it stands for"
        elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            fault = f"{short(event.tag)} is a tag; write the value without one"
        elif isinstance(event, yaml.ScalarEvent) and len(event.value) > LONGEST:
            fault = f"a value of {len(event.value)} characters; allowed: {LONGEST}"
        elif depth > DEEPEST:
            fault = f"mappings and lists lie more than {DEEPEST} deep in each other"
        if fault:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InputError(f", line {line}: {fault}")


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    """A node and all below it."""
    yield node
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            yield from _nodes(part)


def _refuse(node: yaml.Node, loader: yaml.CSafeLoader) -> None:
    """Raises InputError if the node is a mapping with a bad or repeated key, or a scalar with two readings."""
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag != TEXT or EXPONENT.fullmatch(key.value):
                name = short(key.value) if isinstance(key, yaml.ScalarNode) and key.value else "a mapping"
                raise InputError(f", line {line}: {name} is no name; a key is a text")
            if key.value == TEMPLATES:
                raise InputError(f", line {line}: {TEMPLATES} would make Snakemake run what stands here; delete it")
            if key.value in keys:
                raise InputError(f", line {line}: {short(key.value)} is given twice; delete one")
            keys.add(key.value)
    elif isinstance(node, yaml.ScalarNode) and not node.style:  # a plain one
        if EXPONENT.fullmatch(node.value):
            node.tag = NUMBER
        old, new = _old_reading(node, loader), _new_reading(node.value)
        if old != new or type(old) is not type(new):
            numbers = [
                _unmistakable(value) for value in (old, new) if isinstance(value, int | float) and math.isfinite(value)
            ]
            fixes = " or ".join(dict.fromkeys([*numbers, json.dumps(node.value)]))
            message = f"{short(node.value)} reads differently in YAML 1.1 (Snakemake) and YAML 1.2 (DVC); write {fixes}"
            raise InputError(f", line {node.start_mark.line + 1}: {message}")


def _old_reading(node: yaml.ScalarNode, loader: yaml.CSafeLoader) -> Any:
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
    """A number, true or false, written so that it has one reading: -.5 becomes -0.5, and 8. becomes 8."""
    return json.dumps(value) if isinstance(value, int) else format(Decimal(repr(value)), "f").removesuffix(".0")
