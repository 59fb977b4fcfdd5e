"""The params of an experiment: params.yaml with its overlay, checked."""

from pathlib import Path
from typing import Any

from selfrefine.core.errors import InputError
from selfrefine.params import check, job_config, references, required_folders, strict_yaml


def read_params(root: Path, experiment: str | None) -> tuple[dict[str, Any], list[str]]:
    """params.yaml with the experiment's overlay, and in a line each the folders of images that are not there yet.

    Args:
        root: the project's folder.
        experiment: a file of experiments/; None for the one that params.yaml names.

    Raises:
        InputError: something else is wrong with it.
    """
    base = strict_yaml.read(root / check.PARAMS)
    name = experiment or str(base.get("experiment"))
    known = sorted(path.stem for path in (root / "experiments").glob("*.yaml"))
    if name not in known:
        raise InputError(f"{name} is no file of experiments/{references.nearest(name, known)}")
    values = job_config.merge(base, strict_yaml.read(root / check.overlay(name)) or {}) | {"experiment": name}
    wrong = check.check(values, root)
    absent = (
        [f"{'.'.join(map(str, key))} {message}" for key, message in required_folders.missing(values, root)]
        if wrong
        else []
    )
    if wrong and not any(wrong.endswith(line) for line in absent):  # folders are looked at when all else is right
        raise InputError(wrong)
    return values, absent
