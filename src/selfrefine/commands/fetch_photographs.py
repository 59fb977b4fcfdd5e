"""Fetches the photographs of an experiment's data sets into the folders that they name, where others publish them.

`python -m selfrefine.commands.fetch_photographs --experiment paper`; a folder that is there is left alone. Data sets
that no
row `photographs` tells a source of are yours to put there; the last lines name them.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfrefine.core import config_json
from selfrefine.core.errors import InputError
from selfrefine.data import hub_images
from selfrefine.data.hub_images import Source
from selfrefine.params import job_config
from selfrefine.params.experiment import read_params

SCRATCH = Path("scratch", "photographs")


def wanted(values: Mapping[str, Any]) -> dict[Path, tuple[str, Source | None]]:
    """Each folder of the selected data sets, with the name and source of the first of them that tells one.

    Args:
        values: the whole of params.yaml with the experiment's overlay.
    """
    found: dict[Path, tuple[str, Source | None]] = {}
    for name in job_config.selected(values, "datasets"):
        row = values["datasets"][name]
        if (given := row["prepare_data"].get("folder")) is None:
            continue
        told = config_json.from_json(Source, config_json.to_json(row["photographs"])) if "photographs" in row else None
        folder = Path(given)
        if folder not in found or (found[folder][1] is None and told is not None):
            found[folder] = name, told
    return found


def fetch_all(root: Path, experiment: str | None) -> list[str]:
    """Fills the folders; returns a line for each that nobody fills.

    Raises:
        InputError: wrong params, or a source that does not deliver.
    """
    values, _ = read_params(root, experiment)
    left = []
    for folder, (name, source) in wanted(values).items():
        if (root / folder).exists():
            print(f"{folder}: is there", flush=True)
        elif source is None:
            left.append(f"{folder}: is not there, and datasets.{name} has no photographs: put its images there")
        else:
            number = hub_images.fetch(name, source, root / folder, root / SCRATCH / name)
            print(f"{folder}: {number} images", flush=True)
    return left


def main(given: Sequence[str] | None = None) -> None:
    """The command; exits with lines if something is missing at the end."""
    parser = argparse.ArgumentParser(prog="python -m selfrefine.commands.fetch_photographs", allow_abbrev=False)
    parser.add_argument("--experiment", help="a file of experiments/; that of params.yaml if left out")
    try:
        if left := fetch_all(Path(), parser.parse_args(given).experiment):
            sys.exit("\n".join(left))
    except InputError as error:
        sys.exit(f"photographs: {error}")


if __name__ == "__main__":
    main()
