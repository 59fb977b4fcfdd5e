"""What the paper calls its data sets and model families; its figures stand in workflow/resources/paper_values.csv."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# `stands_for` of params.yaml, and column `dataset` of paper_values.csv -> the paper's words.
PAPER_DATASETS = {
    "celeba_hq": "CelebA-HQ",
    "flowers": "Oxford 102 Flower",
    "church": "LSUN Church",
    "coco": "COCO",
}


class Family(NamedTuple):
    """A row of the paper's Table 1 (method 5.1)."""

    title: str
    size: int  # px of its images
    training: str  # its steps, and who says so


# Row of `models` in params.yaml -> the paper's family of that name.
PAPER_FAMILIES = {
    "ddpm": Family("DDPM", 128, "250,000 + 250,000 training steps"),
    "improved_ddpm": Family("Improved DDPM", 128, "500,000 training steps in the authors' code"),
    "uvit": Family("U-ViT", 64, "250,000 + 250,000 training steps in the authors' code"),
    "ldm": Family("LDM", 256, "reverse process only, number of training steps unknown"),
}


def published_fid(paper: Iterable[Mapping[str, Any]], table: str) -> dict[tuple[str, str], float]:
    """(row, the paper's data set) -> FID in one of the paper's tables."""
    printed = (line for line in paper if (line["table"], line["metric"]) == (table, "fid"))
    return {(line["row"], line["dataset"]): line["value"] for line in printed}
