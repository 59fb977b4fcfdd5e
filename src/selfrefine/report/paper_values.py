"""What the paper calls its data sets and model families; its figures stand in workflow/resources/paper_values.csv."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

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
    steps: int | None  # of both phases; None: unknown


# Row of `models` in params.yaml -> the paper's family of that name.
PAPER_FAMILIES = {
    "ddpm": Family("DDPM", 128, "250,000 + 250,000 training steps", 500_000),
    "improved_ddpm": Family("Improved DDPM", 128, "500,000 training steps in the authors' code", 500_000),
    "uvit": Family("U-ViT", 64, "250,000 + 250,000 training steps in the authors' code", 500_000),
    "ldm": Family("LDM", 256, "reverse process only, number of training steps unknown", None),
}


def published(paper: pd.DataFrame, wanted: pd.DataFrame, *tables: str, column: str = "value") -> np.ndarray:
    """The paper's figure for each line of `wanted` (its row, dataset, metric in the paper's words); NaN for none.

    Args:
        paper: paper_values.csv.
        wanted: columns row, dataset, metric, in this order.
        tables: of the paper, in which to look; of two that print a figure the later one.
        column: value, or error: what is printed behind +-.
    """
    printed = paper[paper["table"].isin(tables)].set_index(["row", "dataset", "metric"])[column]
    printed = printed[~printed.index.duplicated(keep="last")]
    return printed.reindex(pd.MultiIndex.from_frame(wanted)).to_numpy(float)


def published_fid(paper: pd.DataFrame, row: Any, dataset: Any, *tables: str) -> np.ndarray:
    """The paper's FID of rows on its data sets (each a column or one word for all lines); NaN for none."""
    return published(paper, pd.DataFrame({"row": row, "dataset": dataset}).assign(metric="fid"), *tables)
