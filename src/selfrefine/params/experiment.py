"""The params of an experiment: params.yaml, then its overlay, then what a command was given; checked."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from selfrefine.core.errors import InputError
from selfrefine.params import asked_images, check, job_config, required_folders, strict_yaml
from selfrefine.params.words import dotted, nearest, short, shown


def read_params(
    root: Path, experiment: str | None, count: asked_images.Count = lambda _: None
) -> tuple[dict[str, Any], list[str]]:
    """params.yaml with the experiment's overlay, and in a line each the folders of images that are not there yet.

    Args:
        root: the project's folder.
        experiment: a file of experiments/; None for the one that params.yaml names.
        count: as of `check.check`.

    Raises:
        InputError: something else is wrong with it.
    """
    given = [("", {"experiment": experiment})] if experiment else []
    values = laid_over(root, given)
    if wrong := check.check(values, root, folders=False, count=count):
        raise InputError(wrong)
    return values, [f"{dotted(key)} {message}" for key, message in required_folders.missing(values, root)]


def laid_over(root: Path, given: Sequence[tuple[str, Mapping[str, Any]]] = ()) -> dict[str, Any]:
    """params.yaml, the overlay that it or the last of `given` names, and what is given, later over earlier; unchecked.

    Args:
        root: the project's folder.
        given: as of `check.check`.

    Raises:
        InputError: an experiment that is no file, or a file that cannot be read.
    """
    base = strict_yaml.read(root / check.PARAMS)
    place, chosen = next(
        ((place, layer) for place, layer in reversed(given) if "experiment" in layer), (check.PARAMS, base)
    )
    name, known = chosen.get("experiment"), sorted(path.stem for path in (root / "experiments").glob("*.yaml"))
    if name not in known:
        who = f"{place}: experiment " if place else ""
        raise InputError(f"{who}{short(name)} is no file of experiments/{nearest(name, known)}")
    overlay = check.overlay(str(name))
    over = strict_yaml.read(root / overlay)
    if "experiment" in over:
        raise InputError(f"{overlay}: experiment is {short(over['experiment'])}; delete it: a file's name is its own")
    for layer in (over, *(layer for _, layer in given)):
        base = job_config.merge(base, layer)
    return base


def overruled(before: Mapping[str, Any], root: Path) -> list[str]:
    """In a line each the leaves of params.yaml that changed to no effect, since the overlay sets them, too.

    `dvc exp run -S train_refined.steps=10` changes params.yaml, whatever the experiment.

    Args:
        before: params.yaml as it was.
        root: the project's folder.
    """
    now = strict_yaml.read(root / check.PARAMS)
    path = check.overlay(now["experiment"])
    lines = []
    for key, value, kept in _changed(before, now, strict_yaml.read(root / path)):
        name = dotted(key)
        lines.append(
            f"params.yaml: {name} is {shown(value)} now, to no effect: {path} sets it to {shown(kept)}; change it "
            f"there, with DVC by -S {path}:{name}={short(value)}"
        )
    return lines


def _changed(before: Any, now: Any, over: Any, key: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Leaves that differ and that the overlay holds: where, what they are, what the overlay says."""
    if isinstance(over, Mapping) and isinstance(now, Mapping):
        for name in over.keys() & now.keys():
            yield from _changed(
                before.get(name) if isinstance(before, Mapping) else None, now[name], over[name], (*key, name)
            )
    elif before != now:
        yield key, now, over


def given_words(words: Sequence[str]) -> dict[str, Any]:
    """What the words of Snakemake's `--config` say: name=value each, the value in YAML, `shared={n_fakes: 64}`.

    Raises:
        InputError: a value that cannot be read, or a name with dots.
    """
    values: dict[str, Any] = {}
    for name, _, text in (word.partition("=") for word in words):
        if "." in name:
            first, *others = name.split(".")
            nested = functools.reduce(lambda below, part: f"{{{part}: {below}}}", reversed(others), text)
            raise InputError(f"--config: {short(name)} is no name; write --config '{short(f'{first}={nested}')}'")
        values = job_config.merge(values, {name: strict_yaml.parse(text, f"--config: {short(name)}")})
    return values
