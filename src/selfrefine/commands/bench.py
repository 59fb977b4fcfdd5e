"""Measures on this machine what the method costs and how fast it is: results/bench/."""

import argparse
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine.core import devices, files
from selfrefine.core.errors import InputError
from selfrefine.cost import (
    bench_figures,
    bench_page,
    bench_subject,
    counted_cost,
    diffusers_sampling,
    diffusers_training,
    recorded_time,
    refresh_cost,
)
from selfrefine.cost import clock as cost_clock
from selfrefine.params import check, job_config, strict_yaml
from selfrefine.report.figures import style

HELP = """
Needs: params.yaml and experiments/ in the folder it runs in, and some minutes in which nothing else runs.
Makes: results/bench/: bench.md, figures, and a table behind each of them.

Example:
  selfrefine bench
"""


@dataclass(frozen=True)
class Sizes:
    """How much each part measures."""

    refresh: refresh_cost.Sizes
    training: diffusers_training.Sizes
    sampling: diffusers_sampling.Sizes


PAPER = "paper"  # the experiment whose networks are counted, for they are too large to be measured everywhere
SIZES = Sizes(refresh_cost.Sizes(), diffusers_training.Sizes(), diffusers_sampling.Sizes())


def read_params(root: Path) -> dict[str, Any]:
    """params.yaml with the overlay of its experiment.

    Raises:
        InputError: something is wrong with it.
    """
    merged = _laid_over(root, str(strict_yaml.read(root / check.PARAMS).get("experiment")))
    if wrong := check.check(merged, root):
        raise InputError(wrong)
    return merged


def _laid_over(root: Path, experiment: str) -> dict[str, Any]:
    """params.yaml with the overlay of an experiment; unchecked, since data of another one need not be here."""
    base, overlay = strict_yaml.read(root / check.PARAMS), root / check.overlay(experiment)
    return job_config.merge(base, strict_yaml.read(overlay) or {} if overlay.is_file() else {})


def bench(root: Path, values: Mapping[str, Any], sizes: Sizes) -> None:
    """Measures, and writes tables, figures and a page below root/results/bench.

    Args:
        root: the project's folder.
        values: the whole of its params.
        sizes: how much.
    """
    out, experiment = root / "results" / "bench", values["experiment"]
    base = job_config.job(
        values, "train_base", {"dataset": job_config.selected(values, "datasets")[0], "model": bench_subject.MODEL}
    )
    with devices.device(base["device"]) as device:
        measured = bench_subject.of_params(values, device)
        clock = cost_clock.clock_of(device)
        costs = refresh_cost.measure(measured, sizes.refresh, clock, _tell)
        training = diffusers_training.measure(measured, sizes.training, clock, _tell)
        sampling = diffusers_sampling.measure(measured, sizes.sampling, clock, _tell)
    counted = counted_cost.lines(
        _laid_over(root, PAPER), sizes.refresh.batches, *sizes.refresh.refreshes[0], bench_page.CYCLE
    )
    stages = recorded_time.stages(root, experiment)
    if not stages:
        _tell(f"where the time goes: no run of experiment {experiment} is here; skipped")
    tables = {"cost": costs, "counted": counted, "training": training, "sampling": sampling, "pipeline": stages}
    for name, table in tables.items():
        if table:
            files.write_table(out / f"{name}.csv", pd.DataFrame(table))
    machine = words(measured)
    _draw(out, machine, costs, {"Training": training, "Sampling": sampling})
    files.write_text(
        out / "bench.md", bench_page.bench_page(machine, costs, counted, training, sampling, stages, experiment)
    )
    _tell(f"written: {out / 'bench.md'}")


def words(measured: bench_subject.Subject) -> str:
    """Machine and network in a sentence."""
    size, precision = measured.size, cost_clock.name_of(measured.dtype)
    return (
        f"Model {bench_subject.MODEL} of params.yaml at {size} px in {precision}; {measured.device.type}, "
        f"{devices.processors()} processors, {torch.get_num_threads()} threads, "
        f"{platform.system()} {platform.machine()}, torch {torch.__version__}."
    )


def _draw(
    out: Path, machine: str, costs: Sequence[cost_clock.Line], speeds: Mapping[str, Sequence[cost_clock.Line]]
) -> None:
    with style.style():
        files.write_figure(out / "cost.png", bench_figures.cost_figure(costs, machine))
        files.write_figure(out / "speed.png", bench_figures.speed_figure(speeds, machine))


def _tell(line: str) -> None:
    print(f"bench: {line}", flush=True)


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """It has no options."""


def run(_arguments: argparse.Namespace) -> None:
    """Measures in the project's folder."""
    bench(Path(), read_params(Path()), SIZES)
