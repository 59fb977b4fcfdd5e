"""The jobs of a run, worked out from the params and the rules' paths alone: Snakemake's plan, in milliseconds."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine import config, params, strict_yaml

ROOT = Path(__file__).parents[2]
STAGES = [path.stem for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")) if path.stem != "common"]
# Stages that also have a job for the base model at the moment of the fork.
MEASURED = ("generate_samples", "extract_features")


class Planned(NamedTuple):
    """A job: its stage and its wildcards but for the experiment."""

    stage: str
    names: tuple[tuple[str, str], ...]


def project_params(experiment: str) -> dict[str, Any]:
    """params.yaml with an experiment's overlay."""
    base, overlay = (strict_yaml.read(ROOT / path) for path in (params.PARAMS, params.overlay(experiment)))
    return config.merge(base, overlay) | {"experiment": experiment}


def rules_text(stage: str) -> str:
    """The rules file of a stage."""
    return (ROOT / "workflow" / "rules" / f"{stage}.smk").read_text()


def wildcards(stage: str) -> set[tuple[str, ...]]:
    """The wildcards of each kind of job of a stage, read from the path that its config is kept at."""
    paths = re.findall(r'^ +config="(.*)/config.json",$', rules_text(stage), re.MULTILINE)
    return {tuple(name for name in re.findall(r"{(\w+)}", path) if name != "experiment") for path in paths}


def values(tree: Mapping[str, Any], stage: str, wildcard: str) -> list[str]:
    """What a wildcard stands for in turn."""
    select = tree["select"]
    prepared = [tree["datasets"][name]["prepare_data"] for name in select["datasets"]]
    fork = [config.FORK] if stage in MEASURED else []
    return {
        "source": sorted({row["source"] for row in prepared if "source" in row}),
        "weights": list(tree["weights"]),
        "dataset": select["datasets"],
        "model": select["models"],
        "variant": [*select["variants"], *fork],
        "split": ["train", "test"],
        "seed": [str(seed) for seed in select["seeds"]],
    }[wildcard]


def job_list(tree: Mapping[str, Any]) -> list[Planned]:
    """All jobs of the selected runs."""
    kinds = [(stage, names) for stage in STAGES for names in sorted(wildcards(stage))]
    return [
        Planned(stage, tuple(zip(names, chosen, strict=True)))
        for stage, names in kinds
        for chosen in itertools.product(*(values(tree, stage, name) for name in names))
    ]
