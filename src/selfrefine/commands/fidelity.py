"""Studies whether the map of a cheap refresh is the same map, with the models of a finished run (method 11.6)."""

import argparse
import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from selfrefine.commands.arguments import add_device, add_experiment, whole_number
from selfrefine.core import config_json, devices, files
from selfrefine.core import scratch as core_scratch
from selfrefine.core.errors import InputError
from selfrefine.core.names import FLAW
from selfrefine.cost import clock, fidelity_page, refresh_fidelity
from selfrefine.cost.fidelity_pools import Run, pool_sizes, study
from selfrefine.cost.refresh_fidelity import Size
from selfrefine.params import check, code_digest, job_config, strict_yaml
from selfrefine.report.figures import style

HELP = """
Needs: the base models and highlighters of a finished run. Stopped, it goes on when it is run again.
Makes: results/bench/fidelity.csv, fidelity.md and fidelity.png.

Example, of a size for a laptop, after `make all`:
  selfrefine fidelity --reference 256x50 --pool 256 --candidates 8x50 16x50 64x50 64x10 32x10 16x10
"""
RESULTS = Path("results", "bench")
# The authors' batch x 250, then what a refresh may cost at batch 64, 16 and 8 (design, section 8).
REFERENCE = "1024x250"
CANDIDATES = ("8x250", "16x250", "64x250", "64x25", "64x10", "32x10", "16x10", "14x10", "7x10")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_experiment(parser)
    parser.add_argument("--datasets", nargs="+", help="whose models; the first selected data set if left out")
    parser.add_argument("--highlighters", nargs="+", default=[FLAW], help="rows of highlighters")
    parser.add_argument("--reference", default=REFERENCE, help="IMAGESxSTEPS of the map to compare with")
    parser.add_argument("--candidates", nargs="+", default=list(CANDIDATES), help="IMAGESxSTEPS of refreshes")
    parser.add_argument("--pool", type=whole_number(1), default=1024, help="images of each number of steps")
    add_device(parser)


def selection(experiment: str | None, datasets: Sequence[str] | None, root: Path) -> tuple[str, list[str]]:
    """The experiment and the data sets that are looked at."""
    tree = strict_yaml.read(root / check.PARAMS)
    name = experiment or str(tree["experiment"])
    tree = job_config.merge(tree, strict_yaml.read(root / check.overlay(name)))
    return name, list(datasets or job_config.selected(tree, "datasets")[:1])


def finished_runs(root: Path, experiment: str, datasets: Sequence[str], highlighters: Sequence[str]) -> Iterator[Run]:
    """The base models of an experiment with those of the highlighters that they have, by data set, model and seed.

    Raises:
        InputError: a data set without any.
    """
    for dataset in datasets:
        folder = root / "models" / "train_base" / experiment / dataset
        found = 0
        for pipeline in sorted(folder.glob("*/seed*/pipeline")):
            model, seed = pipeline.parts[-3], pipeline.parts[-2]
            place = root / "models" / "train_highlighter" / experiment / dataset / model
            files_of = {name: place / name / seed / "highlighter.safetensors" for name in highlighters}
            known = {name: path for name, path in files_of.items() if path.is_file()}
            if known:
                names = {"dataset": dataset, "model": model, "seed": seed.removeprefix("seed")}
                found += 1
                embedded = root / "data" / "encode_captions" / experiment / dataset / model
                captions = (embedded / "embeddings.npy", embedded / "train_rows.npy")
                yield Run(names, pipeline, known, captions if embedded.is_dir() else ())
        if not found:
            raise InputError(
                f"{folder}: no finished base model with a highlighter ({', '.join(highlighters)}); "
                f"run `make all EXPERIMENT={experiment}` first, or name others by --experiment, --datasets"
            )


def write(root: Path, arguments: argparse.Namespace) -> None:
    """Makes and compares the maps, and writes table, page and figure.

    Raises:
        InputError: sizes that do not fit, or nothing to look at.
    """
    reference, candidates = Size.parse(arguments.reference), [Size.parse(text) for text in arguments.candidates]
    refresh_fidelity.check(reference, candidates, arguments.pool)
    experiment, datasets = selection(arguments.experiment, arguments.datasets, root)
    runs = list(finished_runs(root, experiment, datasets, arguments.highlighters))
    sizes = pool_sizes(reference, candidates, arguments.pool)
    evaluations = sum(size.evaluations for size in sizes.values())
    print(f"{len(runs)} base models, {evaluations} network evaluations each", flush=True)
    place = root / RESULTS / "fidelity" / "pools"
    with core_scratch.lock(place), core_scratch.scratch(place, _key(runs, sizes, arguments)) as scratch:
        with devices.device(arguments.device, "--device") as device:
            dtype = devices.precision(arguments.precision, device)
            models = [
                model
                for run in runs
                for model in study(run, sizes, scratch / "_".join(run.names.values()), device, dtype)
            ]
        table = refresh_fidelity.lines(models, reference, candidates)
        files.write_table(root / RESULTS / "fidelity.csv", table)
        files.write_text(root / RESULTS / "fidelity.md", fidelity_page.page(table))
        scale = f"Experiment {experiment}, {', '.join(datasets)}; {device.type}, {clock.name_of(dtype)}, {_machine()}."
        with style.style():
            files.write_figure(root / RESULTS / "fidelity.png", fidelity_page.figure(table, scale))


def _key(runs: Sequence[Run], sizes: dict[int, Size], arguments: argparse.Namespace) -> str:
    """Digest of all that decides the maps; the code is that of the stages which sample and explain as it does."""
    inputs = [
        [run.names, [files.sha256(path) for path in (run.pipeline, *run.highlighters.values(), *run.captions)]]
        for run in runs
    ]
    settings: list[Any] = [{str(number): str(size) for number, size in sizes.items()}, arguments.highlighters]
    code = [code_digest.digest(stage) for stage in ("generate_fakes", "evaluate_maps")]
    text = config_json.to_json([inputs, settings, code, arguments.device, arguments.precision])
    return hashlib.sha256(text.encode()).hexdigest()


def _machine() -> str:
    return f"{devices.processors()} processors, {platform.system()} {platform.machine()}"


def run(arguments: argparse.Namespace) -> None:
    """Runs the study in the project's folder."""
    write(Path(), arguments)
