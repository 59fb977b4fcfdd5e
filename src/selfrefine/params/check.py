"""Checks the params before anything runs: what they are made of, their schema, then what refers to what.

Apart from `config`, which every stage imports: a new check is no reason to train again.
"""

import functools
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError, validators

from selfrefine.params import (
    asked_images,
    constraints,
    given_networks,
    job_config,
    marked_sets,
    plain_values,
    references,
    required_folders,
    strict_yaml,
    study_constraints,
)
from selfrefine.params.references import Key, Problem
from selfrefine.params.words import dotted, nearest, short, shown

PARAMS = Path("params.yaml")
SCHEMA = Path("workflow/schemas/params.schema.yaml")

TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
}
LIMITS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}


def overlay(experiment: str) -> Path:
    """The file that an experiment lays over params.yaml."""
    return Path("experiments", f"{experiment}.yaml")


def check(
    params: Mapping[str, Any],
    root: Path = Path(),
    given: Sequence[tuple[str, Mapping[str, Any]]] = (),
    folders: bool = True,
    count: asked_images.Count = lambda _: None,
) -> str | None:
    """What is wrong with the params: one line with file, key, value and what is allowed; None if nothing is.

    Args:
        params: the whole of params.yaml with the experiment's overlay and what a command was given.
        root: the project's folder.
        given: what a command laid over both, by the option or file that says so; later ones win.
        folders: whether folders that are named must be there.
        count: how many images a data set has.
    """
    schema = _schema(root / SCHEMA)
    problems = itertools.chain(  # in this order: each may rely on the ones before
        plain_values.violations(params),
        _violations(params, schema),
        references.selection(params),
        _missing_leaves(params, schema),
        constraints.relations(params),
        study_constraints.relations(params),
        marked_sets.unfit(params),
        required_folders.missing(params, root) if folders else (),
        study_constraints.missing(params, root) if folders else (),
        marked_sets.missing(params, root) if folders else (),
        given_networks.unfit(params, root),
        asked_images.too_many(params, count),
    )
    problem = next(problems, None)
    if problem is None:
        return None
    key, message = problem
    return f"{_place(key, params, root, given)}: {dotted(key) or 'the file'} {message}"


def _place(
    key: Key, params: Mapping[str, Any], root: Path, given: Sequence[tuple[str, Mapping[str, Any]]]
) -> Path | str:
    """What to edit: what the command was given, if it holds the key, or the overlay, else params.yaml."""
    path = overlay(short(params.get("experiment")))
    layers = [(str(path), strict_yaml.read(root / path))] if (root / path).is_file() else []
    return next((name for name, layer in reversed([*layers, *given]) if _holds(layer, key)), PARAMS)


def _holds(value: Any, key: Key) -> bool:
    """Whether a layer decides about a key: it has it, or a list or scalar on the way to it."""
    for part in key:
        if not isinstance(value, Mapping):
            return True
        if part not in value:
            return False
        value = value[part]
    return True


@functools.cache
def _schema(path: Path) -> dict[str, Any]:
    return strict_yaml.read(path)


def _is_in(validator: Any, allowed: list[Any], value: Any, schema: Any) -> Iterator[ValidationError]:
    """`enum`, for which 1, 1.0 and true are three values."""
    if not any(type(value) is type(other) and value == other for other in allowed):
        yield ValidationError("not allowed")


def _is_whole(checker: Any, value: Any) -> bool:
    """JSON takes 64.0 for a whole number; Python counts with none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: Any, value: Any) -> bool:
    return _is_whole(checker, value) or (isinstance(value, float) and math.isfinite(value))


Strict = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"enum": _is_in},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_whole).redefine("number", _is_number),
)


def _violations(params: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """What the schema does not allow; unknown names first, since they explain most."""
    errors = Strict(schema).iter_errors(params)
    ordered = sorted(
        errors, key=lambda error: (error.validator not in ("additionalProperties", "not"), list(error.path))
    )
    return (_tell(error) for error in ordered)


def _missing_leaves(params: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Leaves that are given neither in their stage's section nor in the rows that the schema allows the stage in."""
    stages = [(name, section) for name, section in schema["$defs"].items() if "properties" in section]
    for stage, section in sorted(stages, key=lambda stage: _reads_rows(stage[0])):  # it relies on the others
        rows = [row for row in job_config.ROWS if stage in _sections(schema, row)]
        for leaf, looked in _gaps(params, stage, section, rows, {}):
            where = " and ".join([f"in the section {stage}", *(f"{row}.{looked[row]}" for row in rows if looked[row])])
            yield (stage, *leaf), f"is missing; looked for {where}"


def _reads_rows(stage: str) -> bool:
    """Whether its config, or one that it borrows from, tells of all rows, and so of the leaves of other stages."""
    owners = {owner for owner, readers in job_config.BORROWED.values() if stage in readers}
    return not {stage, *owners}.isdisjoint(job_config.READERS_OF_ROWS)


def _gaps(
    params: Mapping[str, Any], stage: str, section: Mapping[str, Any], rows: list[str], looked: Mapping[str, str]
) -> Iterator[tuple[Key, Mapping[str, str]]]:
    """Leaves that a stage lacks, each with the rows that were looked at.

    The last section of `rows` first, and the others only where a leaf is missing still: a row takes no leaf away.
    """
    job = job_config.job(params, stage, {job_config.ROWS[row]: name for row, name in looked.items() if name})
    absent = list(_absent(job, section))
    if absent and rows:
        for name in _named(params, rows[-1]):
            yield from _gaps(params, stage, section, rows[:-1], {**looked, rows[-1]: name})
    else:
        yield from ((leaf, looked) for leaf in absent)


def _named(params: Mapping[str, Any], section: str) -> list[str]:
    """The rows that a job may have; no job needs one of `samplings`."""
    return [*params[section], ""] if section == "samplings" else list(params[section])


def _sections(schema: Mapping[str, Any], rows: str) -> Mapping[str, Any]:
    """What a row of a section may hold."""
    (row,) = schema["properties"][rows]["patternProperties"].values()
    properties: Mapping[str, Any] = row["properties"]
    return properties


def _absent(value: Any, schema: Mapping[str, Any]) -> Iterator[Key]:
    """Keys of the schema's properties, at any depth, that the value lacks; not those that only another kind has."""
    kinds = schema.get("dependentRequired", {})
    elsewhere = {leaf for kind, needed in kinds.items() if kind not in value for leaf in (kind, *needed)}
    for name, below in schema.get("properties", {}).items():
        if name in elsewhere:
            continue
        if name not in value:
            yield (name,)
        else:
            yield from ((name, *key) for key in _absent(value[name], below))


def _tell(error: ValidationError) -> Problem:
    """A violation in our words."""
    key, value = tuple(error.absolute_path), cast(Any, error.instance)
    schema = cast(Mapping[str, Any], error.schema)
    match error.validator:
        case "not":
            return key, "belongs to another kind of row; delete it here"
        case "additionalProperties" if patterns := list(schema.get("patternProperties", ())):
            name = next(name for name in value if not re.search(patterns[0], name))
            return (*key, name), f"is no name; allowed: small letters, digits and _, as in {patterns[0]}"
        case "additionalProperties":
            name = next(name for name in value if name not in schema["properties"])
            return (*key, name), f"is not known{nearest(name, schema['properties'])}"
        case "required":
            return (*key, next(name for name in schema["required"] if name not in value)), "is missing"
        case "dependentRequired":
            needs = [(kind, leaf) for kind, leaves in schema["dependentRequired"].items() for leaf in leaves]
            kind, leaf = next((kind, leaf) for kind, leaf in needs if kind in value and leaf not in value)
            return (*key, leaf), f"is missing; {kind} needs it beside it"
        case "enum":
            return key, f"is {shown(value)}{nearest(value, map(str, schema['enum']))}"
        case "uniqueItems":
            return key, f"is {shown(value)}; allowed: no entry twice"
        case _:
            return key, f"is {shown(value)}; allowed: {_allowed(schema)}"


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a leaf's schema allows, in words."""
    words = [f"{message} {schema[limit]}" for limit, message in LIMITS.items() if limit in schema]
    words += [f"a multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
    words += ["not empty"] if "minLength" in schema else []
    words += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    words += [f"with {schema[key]} or more entries" for key in ("minItems", "minProperties") if key in schema]
    words += [f"with {schema[key]} or fewer" for key in ("maxItems",) if key in schema]
    words += [f"at most {schema[key]} characters" for key in ("maxLength",) if key in schema]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return ", ".join([" or ".join(TYPES[name] for name in types), *words])
