"""What follows from the kind of a model: which stages have jobs of it, its family's module, its text encoder."""

from collections.abc import Mapping
from typing import Any

from selfrefine.core.names import CRITIC
from selfrefine.params import job_config


def is_evaluated(params: Mapping[str, Any], stage: str, dataset: str, model: str) -> bool:
    """Whether a stage has jobs of a model on a data set, where both run."""
    if stage in job_config.LATENT:
        return job_config.is_latent(params, dataset, model)
    if stage in job_config.PROMPTS:
        by_class = not job_config.job(params, "evaluate_prompts", {"dataset": dataset, "model": model})["clip_folder"]
        return job_config.is_prompted(params, dataset, model) and (by_class or stage != "train_classifier")
    if stage == "evaluate_readouts":  # they need a highlighter that no refinement has used
        return CRITIC in job_config.selected(params, "highlighters", dataset, model)
    if stage in job_config.INPAINTING:
        return bool(job_config.selected(params, "masks", dataset, model))
    if stage == "evaluate_maps":
        return bool(job_config.job(params, stage, {"dataset": dataset, "model": model})["n_images"] > 0)
    return True


def family(params: Mapping[str, Any], wildcards: Mapping[str, str]) -> str | None:
    """The model family of a job, a module of `selfrefine.networks`; None of a job that has no model."""
    run = job_config.run_of_study(params, wildcards["study"]) if "study" in wildcards else wildcards
    if "model" not in run:
        return None
    names = {name: run[name] for name in ("dataset", "model")}
    found: str = job_config.job(params, "train_base", names)["family"]
    return found


def text_encoder(params: Mapping[str, Any], dataset: str, model: str) -> str:
    """The row of `text_encoders` that reads the captions of a model."""
    name: str = job_config.job(params, "encode_captions", {"dataset": dataset, "model": model})["text_encoder"]
    return name
