"""Measures on this machine what the method costs and how fast it is: results/bench/."""

import argparse
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfrefine.core import devices, files
from selfrefine.core.errors import InputError
from selfrefine.cost import bench_page, bench_subject, beside_diffusers, refresh_cost, throughput
from selfrefine.cost import clock as cost_clock
from selfrefine.params import check, job_config, strict_yaml
from selfrefine.report.figures import style

HELP = """
Needs: params.yaml and experiments/ in the folder it runs in, and some minutes in which nothing else runs.
Makes: results/bench/: bench.md, figures, and a table behind each of them.

Example:
  selfrefine bench
"""
PAPER = "paper"  # the experiment whose networks are counted, for they are too large to be measured everywhere
SIZES = bench_subject.Sizes()


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


def bench(root: Path, values: Mapping[str, Any], sizes: bench_subject.Sizes) -> None:
    """Measures, and writes tables, figures and a page below root/results/bench.

    Args:
        root: the project's folder.
        values: the whole of its params.
        sizes: how much.
    """
    out = root / "results" / "bench"
    with devices.device(values["shared"]["device"]) as device:
        measured = bench_subject.of_params(values, device)
        clock, cases = cost_clock.clock_of(device), refresh_cost.cases(measured, sizes)
        tables = {
            "cost": refresh_cost.lines(cost_clock.interleaved("cost", cases, sizes.rounds, clock, _tell), sizes),
            "training": beside_diffusers.training(measured, sizes, clock, _tell),
            "sampling": beside_diffusers.sampled(measured, sizes, clock, _tell),
        }
        if device.type == "cpu":
            tables["side_by_side"] = throughput.lines(
                values, devices.processors(), sizes.seconds, min(sizes.rounds, 3), _tell
            )
    paper = _laid_over(root, PAPER)
    tables["counted"] = refresh_cost.counted(paper, sizes.batches, *sizes.refreshes[0], bench_page.CYCLE)
    for name, table in tables.items():
        files.write_table(out / f"{name}.csv", pd.DataFrame(table))
    machine = words(measured)
    speeds = {"Training": tables["training"], "Sampling": tables["sampling"]}
    with style.style():
        files.write_figure(out / "cost.png", bench_page.cost_figure(tables["cost"], machine))
        files.write_figure(out / "speed.png", bench_page.speed_figure(speeds, machine))
    files.write_text(out / "bench.md", bench_page.bench_page(machine, tables))
    _tell(f"written: {out / 'bench.md'}")


def words(measured: bench_subject.Subject) -> str:
    """Machine and network in a sentence."""
    size, precision = measured.images.shape[1], cost_clock.name_of(measured.dtype)
    return (
        f"Model {bench_subject.MODEL} of params.yaml at {size} px in {precision}; {measured.device.type}, "
        f"{devices.processors()} processors, {torch.get_num_threads()} threads, "
        f"{platform.system()} {platform.machine()}, torch {torch.__version__}."
    )


def _tell(line: str) -> None:
    print(f"bench: {line}", flush=True)


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """It has no options."""


def run(_arguments: argparse.Namespace) -> None:
    """Measures in the project's folder."""
    bench(Path(), read_params(Path()), SIZES)
