"""The jobs of a run, worked out from the params and the rules' paths alone: Snakemake's plan, in milliseconds."""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine import config, params, strict_yaml

ROOT = Path(__file__).parents[2]
STAGES = [path.stem for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")) if path.stem != "common"]


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


def values(tree: Mapping[str, Any], stage: str, wildcard: str, dataset: str, model: str) -> list[str]:
    """What a wildcard stands for in turn, on a data set with a model."""
    select, limits = tree["select"], [tree["datasets"][dataset].get("only", {}), tree["models"][model].get("only", {})]
    chosen = {
        section: [name for name in select[section] if all(name in only.get(section, [name]) for only in limits)]
        for section in ("highlighters", "variants", "samplings")
    }
    others = [*chosen["samplings"], config.FORK] if stage == "generate_samples" else []
    prepared = tree["datasets"][dataset]["prepare_data"]
    return {
        "source": [prepared["source"]] if "source" in prepared else [],
        "weights": list(tree["weights"]),
        "dataset": [dataset],
        "model": [model],
        "highlighter": chosen["highlighters"],
        "variant": [*chosen["variants"], *others],
        "seed": [str(seed) for seed in select["seeds"]],
    }[wildcard]


def job_list(tree: Mapping[str, Any]) -> list[Planned]:
    """All jobs of the selected runs."""
    kinds = [(stage, names) for stage in STAGES for names in sorted(wildcards(stage))]
    jobs = [
        Planned(stage, tuple(zip(names, chosen, strict=True)))
        for dataset in tree["select"]["datasets"]
        for model in tree["datasets"][dataset].get("only", {}).get("models", tree["select"]["models"])
        for stage, names in kinds
        if stage != "evaluate_readouts" or config.CRITIC in values(tree, stage, "highlighter", dataset, model)
        if stage != "evaluate_maps" or config.job(tree, stage, {"dataset": dataset, "model": model})["n_images"]
        for chosen in itertools.product(*(values(tree, stage, name, dataset, model) for name in names))
    ]
    return list(dict.fromkeys(jobs))
