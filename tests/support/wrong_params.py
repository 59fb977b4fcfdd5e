"""The params of the project, and what is said of a wrong one."""

from pathlib import Path

from selfrefine.params import check, job_config, strict_yaml

ROOT = Path(__file__).parents[2]


def project_params(experiment="embedded"):
    overlay = strict_yaml.read(ROOT / check.overlay(experiment))
    return job_config.merge(strict_yaml.read(ROOT / check.PARAMS), overlay | {"experiment": experiment})


def line_about(changed):
    return check.check(job_config.merge(project_params(), changed), ROOT)


def at(key, value):
    """Nested mappings with one value, at a path with dots."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


SAMPLES = project_params()["generate_samples"]["n_images"]


HIGHLIGHTER_STEPS = project_params()["train_highlighter"]["steps"]


NETWORK = "models.ddpm.train_base.network"
