"""Tells what an experiment would take before anything starts: jobs, FLOPs, time, disk and memory of each stage."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from selfrefine.commands.arguments import add_experiment, number
from selfrefine.core import devices, files
from selfrefine.cost import clock, gpu_days, machine_rates, plan_table, planned_jobs, work
from selfrefine.cost.loads import Load
from selfrefine.data import counted_images
from selfrefine.params.experiment import read_params

HELP = """
Needs: params.yaml and experiments/ in the folder it runs in; the experiment's images need not be there yet.
  Without --tflops it measures this machine for a minute, with the paper's networks for some: let nothing else run
  meanwhile.
Makes: a table on the screen and, with --csv, in a file. Of networks at the paper's scale also the days that each of the
  paper's tables takes on three GPUs.

Example:
  selfrefine plan --experiment small --tflops 1
"""
SECONDS = 1.0  # that each kind of work is measured
BUSY = 0.5  # processes that want to run, from which on what is measured is not the machine's own speed


def plan(root: Path, values: Mapping[str, Any], tflops: float | None, seconds: float) -> pd.DataFrame:
    """Works out the plan and prints it.

    Args:
        root: the project's folder.
        values: the whole of its params.
        tflops: the rate that is assumed, 10^12 FLOPs per second; None measures this machine.
        seconds: how long each kind of work is measured.

    Returns:
        the table, from `plan_table.lines`.
    """
    if tflops is None and (load := os.getloadavg()[0]) > BUSY:
        _tell(f"other programs run here (load {load:.1f}): it goes on, but hours may come out too long")
    asked = {job: work.of_job(values, job) for job in planned_jobs.of_params(values, root)}
    start = machine_rates.start()
    with devices.device(values["shared"]["device"]) as device:
        dtype = devices.precision(values["shared"]["precision"], device)
        if tflops is None:
            devices.set_threads(values["shared"]["threads"])  # as jobs compute
            every = [load for job in asked.values() for load in job.loads]
            measured = machine_rates.rates(every, device, dtype, seconds, _tell)

    def work_seconds(loads: Sequence[Load]) -> float:
        if tflops is None:
            return machine_rates.seconds_of(loads, measured)
        return sum(load.flops for load in loads) / (tflops * 1e12)

    found = plan_table.lines(values, asked, device, dtype, start, work_seconds, root)
    rate = f"at {tflops:g} TFLOP/s" if tflops else f"at the rates measured here ({device.type}, {clock.name_of(dtype)})"
    print(f"Plan of experiment {values['experiment']}, {rate}, one job after another:\n")
    print(plan_table.text(found), end="\n\n")
    print("\n".join(plan_table.LEGEND))
    print(plan_table.sharing(asked))
    if gpu_days.is_measured(values, root):
        print(f"\n{gpu_days.text(gpu_days.lines(values, root), root)}", end="")
    return found


def _tell(line: str) -> None:
    print(f"plan: {line}", file=sys.stderr, flush=True)


def add_rate(parser: argparse.ArgumentParser) -> None:
    """The option that assumes a rate."""
    parser.add_argument(
        "--tflops",
        type=number(float, lambda rate: rate > 0, "numbers above 0"),
        help="assume so many 10^12 FLOPs per second; measure nothing but the start of jobs",
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_experiment(parser)
    add_rate(parser)
    parser.add_argument("--csv", type=Path, help="also write the table there, in plain numbers")


def run(arguments: argparse.Namespace) -> None:
    """Plans the experiment of the project's folder."""
    values, absent = read_params(Path(), arguments.experiment, counted_images.count)
    found = plan(Path(), values, arguments.tflops, SECONDS)
    for line in absent:
        print(f"Not there yet: {line}")
    if arguments.csv:
        files.write_table(arguments.csv, found)
