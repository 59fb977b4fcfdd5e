"""The jobs of a run, worked out from the params and the rules' paths alone: Snakemake's plan without Snakemake, and of
an experiment whose images are not there yet, too.
"""

import itertools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from selfrefine.core import files
from selfrefine.core.names import FORK
from selfrefine.params import discriminators, job_config, model_kinds, one_table


class Planned(NamedTuple):
    """A job: its stage and its wildcards but for the experiment."""

    stage: str
    names: tuple[tuple[str, str], ...]


def of_params(params: Mapping[str, Any], root: Path) -> list[Planned]:
    """All jobs of `all` with the whole params, stage by stage in the order of the Snakefile in the folder `root`."""
    snakefile = files.read_bytes(root / "Snakefile").decode()
    stages = re.findall(r'^include: "workflow/rules/(\w+)\.smk"$', snakefile, re.MULTILINE)
    kinds = [(stage, names) for stage in stages for names in wildcards(stage, root) if one_table.WILDCARD not in names]
    found = [
        Planned(stage, tuple(zip(names, chosen, strict=True)))
        for stage, names in kinds
        for dataset in job_config.selected(params, "datasets")
        for model in job_config.selected(params, "models", dataset)
        if model_kinds.is_evaluated(params, stage, dataset, model)
        for chosen in itertools.product(*(_values(params, stage, name, dataset, model) for name in names))
    ]
    return list(dict.fromkeys(found))  # what belongs to no data set is found for each


def of_table(params: Mapping[str, Any], root: Path, table: str) -> dict[Planned, Mapping[str, Any]]:
    """The jobs of one of the paper's tables with just what it needs, each with the params that its config is of.

    None where the experiment has nothing of the table. Those with the wildcard `table` measure fewer rows than a job of
    the whole experiment; all others are its jobs.
    """
    small, kept = one_table.narrowed(params, table), one_table.stages(table)
    jobs = {_of_table(job, params, small, table): small for job in of_params(small, root) if job.stage in kept}
    if not any(job.stage == "train_base" for job in jobs):
        return {}
    return {**jobs, Planned(one_table.STAGE, ((one_table.WILDCARD, table),)): params}


def _of_table(job: Planned, params: Mapping[str, Any], small: Mapping[str, Any], table: str) -> Planned:
    """The job as the workflow has it: measured for the table alone if it has fewer rows of a model."""
    names = dict(job.names)
    if job.stage not in one_table.MEASURED or "seed" not in names:
        return job
    narrower = one_table.is_narrower(params, small, names["dataset"], names["model"])
    return Planned(job.stage, ((one_table.WILDCARD, table), *job.names)) if narrower else job


def wildcards(stage: str, root: Path) -> list[tuple[str, ...]]:
    """The wildcards of each kind of job of a stage, read from the paths that its rules keep the config at."""
    rules = files.read_bytes(root / "workflow" / "rules" / f"{stage}.smk").decode()
    paths = re.findall(r'^ +config="(.*)/config.json",$', rules, re.MULTILINE)
    return sorted({tuple(name for name in re.findall(r"{(\w+)}", path) if name != "experiment") for path in paths})


def _values(params: Mapping[str, Any], stage: str, wildcard: str, dataset: str, model: str) -> list[str]:
    """What a wildcard stands for in turn, on a data set with a model."""

    def selected(section: str) -> list[str]:
        return [str(name) for name in job_config.selected(params, section, dataset, model)]

    match wildcard:
        case "source":
            prepared = job_config.job(params, "prepare_data", {"dataset": dataset})
            return [prepared["source"]] if "source" in prepared else []
        case "weights":
            return list(params["weights"])
        case "text_encoder":
            return [model_kinds.text_encoder(params, dataset, model)]
        case "study":
            return selected("studies")
        case "dataset" | "model":
            return [{"dataset": dataset, "model": model}[wildcard]]
        case "variant" if stage == "inpaint_images":
            return job_config.inpainted(params, model)
        case "variant" if stage == "generate_samples":
            return [*selected("variants"), *selected("samplings"), FORK]
        case "variant" if stage == "choose_eps_scale":
            return job_config.with_best_scale(params, dataset, model)
        case "highlighter":
            return discriminators.trained_highlighters(params, dataset, model)
        case _:
            return selected(f"{wildcard}s")
