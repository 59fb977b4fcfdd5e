"""Figures: samples of every data set and model; maps, flaws and curves of the first data set, model and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from selfrefine.core import arrays, files
from selfrefine.core.job import Job, main
from selfrefine.report.figures import map_correlations, planted_flaws, refinement_curves, style
from selfrefine.report.figures.figure4_figure5_samples import (
    PHOTOGRAPHS,
    families_figure,
    processes_figure,
    samples_figure,
)
from selfrefine.report.figures.figure6_prompts import prompt_figure
from selfrefine.report.figures.figure7_inpainting import Block, inpainting_figure
from selfrefine.report.figures.figure8_flaw_maps import flaw_maps_figure
from selfrefine.report.figures.figure9_study import study_figure
from selfrefine.report.figures.shown import Shown
from selfrefine.report.seed_statistics import records
from selfrefine.report.tables import map_validity

PROCESSES = ("baseline", "forward", "reverse", "both")  # rows of the paper's Table 2; all others are drawn dashed
Blocks = dict[str, dict[str, np.ndarray]]  # title of a block -> title of a row -> its images


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
    Of the first model that makes images from prompts: samples of both rows of Table 4, items of the test split. Of the
    first study: its images and the cells of their maps, what people picked."""

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
    trials: tuple[Path, ...]
    picks: tuple[Path, ...]


@dataclass(frozen=True)
class Outputs:
    """Samples of the processes, of all variants and of families, images made from prompts, inpainted images, flaw
    maps, people's picks, planted flaws, compared maps, mFAM over the refreshes, loss; and for DVC the loss of both
    phases, of the processes alone, as tables."""

    figure4: Path
    figure4_all: Path
    figure5: Path
    figure6: Path
    figure7: Path
    figure8: Path
    figure9: Path
    planted: Path
    maps: Path
    mfam: Path
    loss: Path
    loss_base: Path
    loss_refined: Path


def run(job: Job[Config, Inputs, Outputs]) -> None:
    """Draws the figures."""
    inputs, outputs, shown, samples = job.inputs, job.outputs, shown_of(job.config), blocks(job)
    reference = shown.rows["variants"][shown.reference]["title"]
    variants = shown.variants(shown.first)
    rows = shown.rows["variants"]
    controls = {rows[row]["title"] for row in shown.select["variants"] if row not in PROCESSES}
    examples = arrays.read_arrays(inputs.examples)
    planted = {name: examples[f"planted_{name}"] for name in ("images", "cells", "masks")}
    maps = dict(zip(variants, map(arrays.read_array, inputs.refined_maps), strict=True))
    refreshes = dict(zip(variants, map(files.read_table, inputs.refreshes), strict=True))
    base_loss, *refined_losses = map(files.read_table, inputs.losses)
    losses = dict(zip(variants, refined_losses, strict=True))
    caption = shown.caption(shown.first, next(iter(maps.values())).shape[1])
    compared = map_correlations.mean_maps(arrays.read_arrays(inputs.mean_maps))
    correlations = records(files.read_table(inputs.correlations))
    with style.style():
        files.write_figure(outputs.figure4, processes(shown, samples))
        files.write_figure(outputs.figure4_all, samples_figure(samples, reference, shown.scale()))
        files.write_figure(outputs.figure5, families_figure(families(job), shown.run()))
        files.write_figure(outputs.figure6, prompts(job))
        files.write_figure(outputs.figure7, inpainting(job))
        figure8 = flaw_maps_figure(examples["images"], examples["maps"], caption, examples["cells"])
        files.write_figure(outputs.figure8, figure8)
        files.write_figure(outputs.figure9, people(job))
        files.write_figure(outputs.planted, planted_flaws.planted_flaws_figure(**planted, caption=caption))
        figure = map_correlations.correlation_figure(correlations, compared, map_validity.TITLES, caption)
        files.write_figure(outputs.maps, figure)
        files.write_figure(outputs.mfam, refinement_curves.refreshes_figure(maps, refreshes, caption, controls))
        files.write_figure(outputs.loss, refinement_curves.loss_figure(base_loss, losses, caption, controls))
    files.write_table(outputs.loss_base, base_loss[["step", "loss"]])
    titles = {name: rows[name]["title"] for name in PROCESSES if name in rows}
    refined = {name: losses[title].set_index("step")["loss"] for name, title in titles.items() if title in losses}
    files.write_table(outputs.loss_refined, pd.DataFrame(refined).reset_index())


def shown_of(config: Config) -> Shown:
    """What is selected, and the words for it."""
    return Shown(config.experiment, config.select, config.rows, config.reference)


def processes(shown: Shown, samples: Blocks) -> Figure:
    """The rows of the paper's Table 2 on the first data set, of those that run; else the reference alone."""
    title, rows = next(iter(samples.items()))
    reference = shown.rows["variants"][shown.reference]["title"]
    first = [shown.rows["variants"][row]["title"] for row in shown.select["variants"] if row in PROCESSES]
    chosen = {row: images for row, images in rows.items() if row in (PHOTOGRAPHS, reference, *first)}
    return processes_figure(chosen, reference, title, shown.scale())


def blocks(job: Job[Config, Inputs, Outputs]) -> Blocks:
    """Each data set that has a main model: its first photographs, then the first images of each row."""
    shown, samples = shown_of(job.config), iter(job.inputs.samples)
    photographs = dict(zip(shown.select["datasets"], job.inputs.photographs, strict=True))
    return {
        title: first_images(
            job, {PHOTOGRAPHS: photographs[dataset]} | {row: next(samples) for row in shown.variants(dataset)}
        )
        for dataset, title in shown.with_main_model().items()
    }


def families(job: Job[Config, Inputs, Outputs]) -> Blocks:
    """Photographs of the first data set, then each model: its reference and its self-refining row."""
    shown, samples = shown_of(job.config), iter(job.inputs.families)
    photographs = {shown.rows["datasets"][shown.first]["title"]: {PHOTOGRAPHS: job.inputs.photographs[0]}}
    rows = {shown.family(model): {row: next(samples) for row in shown.two_rows(model)} for model in shown.families()}
    return {block: first_images(job, paths) for block, paths in (photographs | rows).items()}


def first_images(job: Job[Config, Inputs, Outputs], paths: dict[str, Path]) -> dict[str, np.ndarray]:
    """The first images of each file."""
    return {row: arrays.read_images(path)[: job.config.n_images] for row, path in paths.items()}


def prompts(job: Job[Config, Inputs, Outputs]) -> Figure:
    """The first captions of the test split, and what both rows of the first model that takes them make of each."""
    inputs, shown = job.inputs, shown_of(job.config)
    if not inputs.prompted:
        return style.only_words("No selected model makes images from prompts: select.models in params.yaml.")
    dataset, model = shown.first_with("prompted")
    rows = dict(zip(shown.two_rows(model), map(arrays.read_images, inputs.prompted), strict=True))
    captions = files.read_table(inputs.captions[0])["caption"].astype(str).tolist()[: job.config.n_images]
    return prompt_figure(rows, captions, shown.scale_of(dataset, model))


def inpainting(job: Job[Config, Inputs, Outputs]) -> Figure:
    """The first test images with each kind of hole, and what the first model that inpaints makes of them."""
    inputs, shown = job.inputs, shown_of(job.config)
    if not inputs.inpainted:
        return style.only_words("Nothing is inpainted: select.masks in params.yaml names the kinds of holes.")
    dataset, model = shown.first_with("masks")
    variants, results = shown.two_rows(model), iter(inputs.inpainted)
    kinds = [shown.rows["masks"][mask]["title"] for mask in shown.rows["datasets"][dataset]["models"][model]["masks"]]
    known = map(arrays.read_array, inputs.masks[:: len(variants)])  # equal in all rows
    holes = {
        kind: Block(masks, {variant: arrays.read_images(next(results)) for variant in variants})
        for kind, masks in zip(kinds, known, strict=True)
    }
    photographs = arrays.read_images(inputs.photographs[shown.select["datasets"].index(dataset)])
    return inpainting_figure(photographs[: job.config.n_images], holes, shown.scale_of(dataset, model))


def people(job: Job[Config, Inputs, Outputs]) -> Figure:
    """The first images of the first study, and what people picked, if anybody has."""
    inputs, shown, count = job.inputs, shown_of(job.config), job.config.n_images
    if not inputs.trials:
        return style.only_words("No study runs: select.studies in params.yaml names none whose model runs.")
    row = next(iter(shown.rows["studies"].values()))
    trials, picks = arrays.read_arrays(inputs.trials[0]), arrays.read_arrays(inputs.picks[0])
    images, cells, rates = trials["images"][:count], trials["cells"][:count], picks["rates"][:count]
    picked = None if np.isnan(rates).all() else np.nan_to_num(rates)
    return study_figure(images, cells, picked, shown.scale_of(row["dataset"], row["model"]), int(picks["participants"]))


if __name__ == "__main__":
    main(run, Config, Inputs, Outputs)
