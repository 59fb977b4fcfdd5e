"""The jobs of a run, worked out as `make plan` does it: Snakemake's plan, in milliseconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfrefine.cost import planned_jobs
from selfrefine.cost.planned_jobs import Planned
from selfrefine.params import check, job_config, strict_yaml

ROOT = Path(__file__).parents[2]
# One table alone is made for who asks for it, and no stage of `all`: it has no section in params.yaml and no place in
# dvc.yaml.
ALONE = "make_table"
STAGES = [
    path.stem for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")) if path.stem not in ("common", ALONE)
]


def project_params(experiment: str) -> dict[str, Any]:
    """params.yaml with an experiment's overlay."""
    base, overlay = (strict_yaml.read(ROOT / path) for path in (check.PARAMS, check.overlay(experiment)))
    return job_config.merge(base, overlay) | {"experiment": experiment}


def rules_text(stage: str) -> str:
    """The rules file of a stage."""
    return (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text()


def job_list(tree: Mapping[str, Any]) -> list[Planned]:
    """All jobs of the selected runs."""
    return planned_jobs.of_params(tree, ROOT)
