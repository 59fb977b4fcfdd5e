"""Figures: samples of every data set and model; maps, flaws and curves of the first data set, model and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib.figure import Figure

from selfrefine.core import arrays, files
from selfrefine.core.job import Job, main
from selfrefine.report.figures import (
    figure4_figure5_samples,
    figure8_flaw_maps,
    map_correlations,
    planted_flaws,
    refinement_curves,
    style,
)
from selfrefine.report.figures.figure6_prompts import prompt_figure
from selfrefine.report.figures.figure7_inpainting import Block, inpainting_figure
from selfrefine.report.tables import map_validity

T = TypeVar("T")
PROCESSES = ("baseline", "forward", "reverse", "both")  # rows of the paper's Table 2; all others are drawn dashed


@dataclass(frozen=True)
class Config:
    """See params.yaml, make_figures; `rows` holds the titles of what is selected."""

    names: dict[str, str]
    experiment: str
    select: dict[str, Any]
    rows: dict[str, Any]
    reference: str
    n_images: int


@dataclass(frozen=True)
class Inputs:
    """Real test images of each data set and, by data set, samples of its variants; of the first data set: samples of
    each model's two rows of Table 1; a file for each variant, `losses` beginning with the base's; and examples,
    correlations and means of maps. Of the first model that inpaints: results of each mask and row, masks likewise.
    Of the first model that makes images from prompts: samples of both rows of Table 4, items of the test split."""

    photographs: tuple[Path, ...]
    samples: tuple[Path, ...]
    families: tuple[Path, ...]
    refined_maps: tuple[Path, ...]
    refreshes: tuple[Path, ...]
    examples: Path
    correlations: Path
    mean_maps: Path
    losses: tuple[Path, ...]
    inpainted: tuple[Path, ...]
    masks: tuple[Path, ...]
    prompted: tuple[Path, ...]
    captions: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Samples of variants and of families, images made from prompts, inpainted images, flaw maps, planted flaws,
    compared maps, mFAM over the refreshes, loss."""

    figure4: Path
    figure5: Path
    figure6: Path
    figure7: Path
    figure8: Path
    planted: Path
    maps: Path
    mfam: Path
    loss: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Draws the figures."""
    config, inputs, outputs = job.config, job.inputs, job.outputs
    first = config.select["datasets"][0]
    titles = _titles(config, first)
    controls = {config.rows["variants"][row]["title"] for row in config.select["variants"] if row not in PROCESSES}
    examples = arrays.read_arrays(inputs.examples)
    maps = [arrays.read_array(path) for path in inputs.refined_maps]
    refreshes = [files.read_table(path) for path in inputs.refreshes]
    base_loss, *losses = [files.read_table(path) for path in inputs.losses]
    caption = _caption(config, first, maps[0].shape[1])
    with style.style():
        samples = figure4_figure5_samples.samples_figure(_blocks(job), _scale(config))
        files.write_figure(outputs.figure4, samples)
        families = figure4_figure5_samples.families_figure(_families(job), _scale_of_families(config))
        files.write_figure(outputs.figure5, families)
        files.write_figure(outputs.figure6, _prompts(job))
        files.write_figure(outputs.figure7, _inpainting(job))
        files.write_figure(
            outputs.figure8, figure8_flaw_maps.flaw_maps_figure(examples["images"], examples["maps"], caption)
        )
        planted = {name: examples[f"planted_{name}"] for name in ("images", "maps", "masks")}
        files.write_figure(outputs.planted, planted_flaws.planted_flaws_figure(**planted, caption=caption))
        _draw_compared_maps(job, caption)
        by_refresh = refinement_curves.refreshes_figure(_by(titles, maps), _by(titles, refreshes), caption, controls)
        files.write_figure(outputs.mfam, by_refresh)
        files.write_figure(
            outputs.loss, refinement_curves.loss_figure(base_loss, _by(titles, losses), caption, controls)
        )


def _blocks(job: Job[Config, Inputs, Outputs]) -> dict[str, dict[str, np.ndarray]]:
    """Title of a data set that has a main model -> title of a row -> its first images, photographs first."""
    config, samples = job.config, iter(job.inputs.samples)
    blocks = {}
    for dataset, photographs in zip(config.select["datasets"], job.inputs.photographs, strict=True):
        if not config.rows["datasets"][dataset]["main_model"]:
            continue
        rows = {figure4_figure5_samples.PHOTOGRAPHS: photographs} | {
            title: next(samples) for title in _titles(config, dataset)
        }
        blocks[_title(config, dataset)] = {
            row: arrays.read_images(path)[: config.n_images] for row, path in rows.items()
        }
    return blocks


def _families(job: Job[Config, Inputs, Outputs]) -> dict[str, dict[str, np.ndarray]]:
    """Title of the first data set -> photographs, then title of each model -> its reference and self-refining row."""
    config, samples, rows = job.config, iter(job.inputs.families), job.config.rows
    first = rows["datasets"][config.select["datasets"][0]]["title"]
    blocks = {first: {figure4_figure5_samples.PHOTOGRAPHS: job.inputs.photographs[0]}}
    for model in _models(config):
        row = rows["models"][model]
        titles = [rows["variants"][name]["title"] for name in (config.reference, row["self_refining"])]
        blocks[row["title"]] = {title: next(samples) for title in titles}
    return {
        block: {row: arrays.read_images(path)[: config.n_images] for row, path in paths.items()}
        for block, paths in blocks.items()
    }


def _prompts(job: Job[Config, Inputs, Outputs]) -> Figure:
    """The first captions of the test split, and what both rows of the first model that takes them make of each."""
    config, inputs, rows = job.config, job.inputs, job.config.rows
    if not inputs.prompted:
        return style.only_words("No selected model makes images from prompts: select.models in params.yaml.")
    dataset, model = next(
        (dataset, model)
        for dataset in config.select["datasets"]
        for model in config.select["models"]
        if rows["datasets"][dataset]["models"].get(model, {}).get("prompted")
    )
    variants = [config.reference, rows["models"][model]["self_refining"]]
    images = [arrays.read_images(path) for path in inputs.prompted]
    blocks = _by([rows["variants"][variant]["title"] for variant in variants], images)
    captions = files.read_table(inputs.captions[0])["caption"].astype(str).tolist()[: config.n_images]
    title = f"{rows['models'][model]['title']} on {rows['datasets'][dataset]['title']}"
    caption = f"Experiment {config.experiment}: {title}, seed {config.select['seeds'][0]}."
    return prompt_figure(blocks, captions, caption)


def _inpainting(job: Job[Config, Inputs, Outputs]) -> Figure:
    """The first test images with each kind of hole, and what the first model that inpaints makes of them."""
    config, inputs, rows = job.config, job.inputs, job.config.rows
    if not inputs.inpainted:
        return style.only_words("Nothing is inpainted: select.masks in params.yaml names the kinds of holes.")
    dataset, model = next(
        (dataset, model)
        for dataset in config.select["datasets"]
        for model in config.select["models"]
        if rows["datasets"][dataset]["models"].get(model, {}).get("masks")
    )
    variants = [config.reference, rows["models"][model]["self_refining"]]
    results, known, blocks = iter(inputs.inpainted), iter(inputs.masks), {}
    for mask in rows["datasets"][dataset]["models"][model]["masks"]:
        shown = {rows["variants"][variant]["title"]: arrays.read_images(next(results)) for variant in variants}
        here = [arrays.read_array(next(known)) for _ in variants]  # equal in all rows
        blocks[rows["masks"][mask]["title"]] = Block(here[0], shown)
    photographs = arrays.read_images(inputs.photographs[config.select["datasets"].index(dataset)])[: config.n_images]
    title = f"{rows['models'][model]['title']} on {rows['datasets'][dataset]['title']}"
    caption = f"Experiment {config.experiment}: {title}, seed {config.select['seeds'][0]}."
    return inpainting_figure(photographs, blocks, caption)


def _draw_compared_maps(job: Job[Config, Inputs, Outputs], caption: str) -> None:
    """Draws the mean maps and their correlations."""
    lines = [
        {str(column): value for column, value in line.items()}
        for line in files.read_table(job.inputs.correlations).to_dict("records")
    ]
    maps = map_correlations.mean_maps(arrays.read_arrays(job.inputs.mean_maps))
    figure = map_correlations.correlation_figure(lines, maps, map_validity.TITLES, caption)
    files.write_figure(job.outputs.maps, figure)


def _title(config: Config, dataset: str) -> str:
    """Of a data set, and of its main model where the caption does not name it."""
    row = config.rows["datasets"][dataset]
    model, title = row["main_model"], str(row["title"])
    return title if model == config.select["models"][0] else f"{title}, {config.rows['models'][model]['title']}"


def _titles(config: Config, dataset: str) -> list[str]:
    """Of the variants that run on a data set, of its main model."""
    return [config.rows["variants"][row]["title"] for row in _main_run(config, dataset)["variants"]]


def _main_run(config: Config, dataset: str) -> dict[str, Any]:
    """Steps and rows of a data set's main model."""
    data = config.rows["datasets"][dataset]
    found: dict[str, Any] = data["models"][data["main_model"]]
    return found


def _by(titles: list[str], values: list[T]) -> dict[str, T]:
    return dict(zip(titles, values, strict=True))


def _scale(config: Config) -> str:
    """Experiment, model and seed."""
    model, seed = (config.select[section][0] for section in ("models", "seeds"))
    return f"Experiment {config.experiment}: {config.rows['models'][model]['title']}, seed {seed}."


def _scale_of_families(config: Config) -> str:
    """Experiment, seed, and data and steps of both phases of each model."""
    told = []
    for model in _models(config):
        row = config.rows["models"][model]
        data = config.rows["datasets"][row["home"]]
        base, refined = data["models"][model]["steps"]
        told.append(f"{row['title']}: {_data(data['title'], data['size'])}, {base} + {refined} steps")
    return f"Experiment {config.experiment}, seed {config.select['seeds'][0]}. {'; '.join(told)}."


def _data(title: str, size: int) -> str:
    """A data set and its size, unless its title tells it."""
    return title if f"{size} px" in title else f"{title} at {size} px"


def _models(config: Config) -> list[str]:
    """What has a place in Table 1, in the order of `select`."""
    return [model for model in config.select["models"] if config.rows["models"][model]["home"]]


def _caption(config: Config, dataset: str, size: int) -> str:
    """Scale and seed, for under a figure of one data set."""
    base, refined = _main_run(config, dataset)["steps"]
    title = config.rows["datasets"][dataset]["title"]
    return f"{_scale(config)} {_data(title, size)}, {base} base steps and {refined} of refinement."


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
