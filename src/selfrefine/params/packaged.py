"""The params of the project as this package was made with them: for commands that need no folder of the project.

The folder `project` beside this file holds links to the project's own files, of which a built package has copies.
"""

from pathlib import Path
from typing import Any

from selfrefine.params import experiment

PROJECT = Path(__file__).with_name("project")


def of_experiment(name: str) -> dict[str, Any]:
    """params.yaml with the overlay of an experiment, unchecked.

    Args:
        name: "paper" or "smoke".
    """
    return experiment.laid_over(PROJECT, [("", {"experiment": name})])
