"""Rows of `human_marks`: leaves that fit their layout, and folders that are there."""

from collections.abc import Iterator
from pathlib import Path

from selfrefine.params.references import Params, Problem, Run

STAGE = "evaluate_human_marks"
FOLDERS = ("folder", "images", "real")  # leaves that name one
APART = ("richhf",)  # layouts of sets without images


def unfit(params: Params) -> Iterator[Problem]:
    """Rows that name images where the set has them, or none where it has not."""
    for name in params["human_marks"]:
        run = Run(params, {"human_mark": name})
        layout, images = run.value(STAGE, "layout"), run.value(STAGE, "images")
        if (layout in APART) != bool(images):
            allowed = "a folder of the images that it names" if layout in APART else '"", since it has its own images'
            yield run.place(STAGE, "images"), f'is "{images}"; allowed with the layout {layout}: {allowed}'


def missing(params: Params, root: Path) -> Iterator[Problem]:
    """Folders that selected rows name and that are not there, unless the results made of them are."""
    for name in params["select"]["human_marks"]:
        run = Run(params, {"human_mark": name})
        made = root / "results" / STAGE / str(params["experiment"]) / name / "config.json"
        for leaf in FOLDERS:
            folder = run.value(STAGE, leaf)
            if folder and not made.is_file() and not (root / folder).is_dir():
                message = f"is {folder}, which is no folder; put the files there, or name the folder that holds them"
                yield run.place(STAGE, leaf), message
