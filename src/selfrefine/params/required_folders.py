"""Folders that the params name and the user fills: of images, and of networks that others trained."""

from collections.abc import Iterator
from pathlib import Path

from selfrefine.params import job_config
from selfrefine.params.references import Params, Problem, Run, runs

CONFIG, DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS = (
    "config.json",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
)


def replaced(params: Params, root: Path = Path()) -> Iterator[tuple[str, str]]:
    """Selected data sets and their folders of photographs that are not there, but were prepared before: results of
    those can be used and made without the photographs.
    """
    for name in job_config.selected(params, "datasets"):
        folder = job_config.job(params, "prepare_data", {"dataset": name}).get("folder")
        record = root / "data" / "prepare_data" / str(params["experiment"]) / name / CONFIG
        if folder is not None and not (root / folder).is_dir() and record.is_file():
            yield name, folder


def missing(params: Params, root: Path) -> Iterator[Problem]:
    """Folders that what is selected reads, and that are not there or lack a file; the params must be right otherwise.

    Not those of photographs that are prepared.

    Args:
        params: the whole of params.yaml with the experiment's overlay.
        root: the project's folder.
    """
    prepared = dict(replaced(params, root))
    for name in job_config.selected(params, "datasets"):
        run = Run(params, {"dataset": name})
        folder = job_config.job(params, "prepare_data", run.names).get("folder")
        if folder is not None and name not in prepared and not (root / folder).is_dir():
            how = " with `make photographs`" if "photographs" in params["datasets"][name] else ""
            message = f"is {folder}, which is no folder; put your images there{how}, or name the folder that holds them"
            yield run.place("prepare_data", "folder"), message
    for run in runs(params):
        for stage, leaf, weights in _networks(run):
            folder = run.value(stage, leaf)
            lacking = [name for name in (CONFIG, weights) if folder and not (root / folder / name).is_file()]
            if lacking:
                message = f'is {folder}, which has no {lacking[0]}; put the network there, or make it ""'
                yield run.place(stage, leaf), message


def _networks(run: Run) -> Iterator[tuple[str, str, str]]:
    """Stage and leaf that may name the folder of a trained network, and the file of its weights."""
    yield "train_base", "pretrained", DIFFUSERS_WEIGHTS
    if job_config.is_latent(run.params, run.names["dataset"], run.names["model"]):
        yield "train_autoencoder", "folder", DIFFUSERS_WEIGHTS
    if job_config.is_prompted(run.params, run.names["dataset"], run.names["model"]):
        yield "evaluate_prompts", "clip_folder", TRANSFORMERS_WEIGHTS
