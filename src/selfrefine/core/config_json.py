"""The config of a job on its way from the workflow to a stage: one sorted JSON string, one frozen dataclass."""

import dataclasses
import json
import typing
from types import UnionType
from typing import Any, TypeVar

from selfrefine.core.errors import InputError
from selfrefine.core.names import CONTENTS

ConfigT = TypeVar("ConfigT")


def to_json(config: Any) -> str:
    """The one text of a config: sorted keys, no spaces."""
    value = dataclasses.asdict(config) if dataclasses.is_dataclass(config) and not isinstance(config, type) else config
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def from_json(config_type: type[ConfigT] | UnionType, text: str) -> ConfigT:
    """Builds a stage's frozen dataclass from its JSON; of a union the one whose fields are nearest to those given.

    Raises:
        InputError: an unknown, missing or mistyped field.
    """
    values = json.loads(text)
    kinds = {kind: typing.get_type_hints(kind) for kind in typing.get_args(config_type) or (config_type,)}
    if not any(CONTENTS in hints for hints in kinds.values()):
        values.pop(CONTENTS, None)  # tells Snakemake of other files; the stage reads the files
    kind, hints = min(kinds.items(), key=lambda item: len(values.keys() ^ item[1].keys()))
    for name in sorted(values.keys() ^ hints.keys()):
        message = "is not read by this stage" if name in values else "is missing"
        raise InputError(f"params.yaml: {name} {message}; known here: {', '.join(sorted(hints))}")
    built: ConfigT = kind(**{name: _convert(name, hint, values[name]) for name, hint in hints.items()})
    return built


def _kind(union: Any, value: Any) -> Any:
    """The kind of a union that a value is meant as: a text as one of the words that it allows, if it allows any."""
    words = [kind for kind in typing.get_args(union) if typing.get_origin(kind) is typing.Literal]
    others = [kind for kind in typing.get_args(union) if kind not in words]
    return (words if isinstance(value, str) else others)[0]


def _convert(name: str, hint: Any, value: Any) -> Any:
    """`value` as the type of its field: lists become tuples, integers may stand for floats, nothing else is bent."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType):
        return _convert(name, _kind(hint, value), value)
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            raise InputError(f"params.yaml: {name} is {value!r}; allowed: {', '.join(map(str, typing.get_args(hint)))}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_convert(name, typing.get_args(hint)[0], item) for item in value)
    if origin is dict and isinstance(value, dict):
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    raise InputError(
        f"params.yaml: {name} is {value!r} ({type(value).__name__}); {getattr(hint, '__name__', hint)} needed"
    )
