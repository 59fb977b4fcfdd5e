"""Fetches the photographs of an experiment's data sets into the folders that they name, where others publish them."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfrefine.commands.arguments import add_experiment
from selfrefine.core import config_json
from selfrefine.core.errors import InputError
from selfrefine.data import hub_images
from selfrefine.data.hub_images import Source
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

HELP = """
Needs: the network, and a row `photographs` in the data sets of params.yaml that says who publishes the images.
Makes: the folders that prepare_data.folder names; one that is there is left alone. It names those without a
  row `photographs`: put their images there yourself.

Example:
  selfrefine photographs --experiment paper
"""
SCRATCH = Path("scratch", "photographs")


def wanted(values: Mapping[str, Any]) -> dict[Path, tuple[str, Source | None]]:
    """Each folder of the selected data sets, with the name and source of the first of them that has one.

    Args:
        values: the whole of params.yaml with the experiment's overlay.
    """
    found: dict[Path, tuple[str, Source | None]] = {}
    for name in job_config.selected(values, "datasets"):
        row = values["datasets"][name]
        if (given := row["prepare_data"].get("folder")) is None:
            continue
        published = (
            config_json.from_json(Source, config_json.to_json(row["photographs"])) if "photographs" in row else None
        )
        folder = Path(given)
        if folder not in found or (found[folder][1] is None and published is not None):
            found[folder] = name, published
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_experiment(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fills the folders of the project.

    Raises:
        InputError: wrong params, a source that does not deliver, or at the end folders that have no source.
    """
    values, _ = read_params(Path(), arguments.experiment)
    left = []
    for folder, (name, source) in wanted(values).items():
        if folder.exists():
            print(f"{folder}: is there", flush=True)
        elif source is None:
            left.append(f"{folder} (datasets.{name})")
        else:
            number = hub_images.fetch(name, source, folder, SCRATCH / name)
            print(f"{folder}: {number} images", flush=True)
    if left:
        raise InputError(f"no row `photographs` says where images are from; put them there yourself: {', '.join(left)}")
