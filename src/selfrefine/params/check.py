"""Checks the params before anything runs: their schema, then the references between their sections.

Apart from `config`, which every stage imports: a new check is no reason to train again.
"""

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError

from selfrefine.params import constraints, job_config, references, required_folders, strict_yaml
from selfrefine.params.references import Key, Problem, nearest

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


def check(params: Mapping[str, Any], root: Path = Path()) -> str | None:
    """What is wrong with the params: one line with file, key, value and what is allowed; None if nothing is.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        root: the project's folder.
    """
    schema = strict_yaml.read(root / SCHEMA)
    problems = itertools.chain(  # in this order: each may rely on the ones before
        _violations(params, schema),
        references.selection(params),
        _missing_leaves(params, schema),
        constraints.relations(params),
        required_folders.missing(params, root),
    )
    problem = next(problems, None)
    if problem is None:
        return None
    key, message = problem
    return f"{_file(key, params, root)}: {'.'.join(map(str, key)) or 'the file'} {message}"


def _file(key: Key, params: Mapping[str, Any], root: Path) -> Path:
    """The file to edit: the overlay if it holds the key, else params.yaml."""
    path = overlay(str(params.get("experiment")))
    value: Any = strict_yaml.read(root / path) if (root / path).is_file() else None
    for part in key:
        value = value.get(part) if isinstance(value, Mapping) else value
    return PARAMS if value is None else path


def _violations(params: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """What the schema does not allow; unknown names first, since they explain most."""
    errors = Draft202012Validator(schema).iter_errors(params)
    ordered = sorted(
        errors, key=lambda error: (error.validator not in ("additionalProperties", "not"), list(error.path))
    )
    return (_tell(error) for error in ordered)


def _missing_leaves(params: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Problem]:
    """Leaves that are given neither in their stage's section nor in the rows that the schema allows the stage in."""
    stages = {name: section for name, section in schema["$defs"].items() if "properties" in section}
    for stage, section in stages.items():
        rows = [row for row in job_config.ROWS if stage in _sections(schema, row)]
        for names in itertools.product(*(_named(params, row) for row in rows)):
            looked = [(row, name) for row, name in zip(rows, names, strict=True) if name]
            job = job_config.job(params, stage, {job_config.ROWS[row]: name for row, name in looked})
            for leaf in _absent(job, section):
                where = " and ".join([f"in the section {stage}", *map(".".join, looked)])
                yield (stage, *leaf), f"is missing; looked for {where}"


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
            return key, f"is {json.dumps(value)}{nearest(value, map(str, schema['enum']))}"
        case "uniqueItems":
            return key, f"is {json.dumps(value)}; allowed: no entry twice"
        case _:
            return key, f"is {json.dumps(value)}; allowed: {_allowed(schema)}"


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a leaf's schema allows, in words."""
    words = [f"{message} {schema[limit]}" for limit, message in LIMITS.items() if limit in schema]
    words += [f"a multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
    words += ["not empty"] if "minLength" in schema else []
    words += [f"matching {schema['pattern']}"] if "pattern" in schema else []
    words += [f"with {schema[key]} or more entries" for key in ("minItems", "minProperties") if key in schema]
    return ", ".join([TYPES[schema["type"]], *words])
