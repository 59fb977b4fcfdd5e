"""The scale of the predicted noise: which one each network was found to sample best with, and what each is worth.

All of it is of training photographs and of noise that no reported image comes from: the choice alone.
"""

import math
from statistics import fmean

import numpy as np
import pandas as pd

from selfrefine.report import markdown
from selfrefine.report.markdown import percent
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import places

COLUMNS = [  # of noise_scale.csv
    *("dataset", "model", "row", "seed", "network", "eps_scale", "fd_train", "fitted", "chosen", "n_images"),
]


def lines(results: Results) -> pd.DataFrame:
    """The lines of noise_scale.csv: every scale that was tried, of every row with the best one, and seed."""
    return results.scales.rename(columns={"variant": "row"})[COLUMNS]


def section(results: Results, dataset: str, model: str) -> str:
    """What was chosen on a data set with a model, as part of a page; nothing if nothing was."""
    found = _of(results, dataset, model)
    if found.empty:
        return ""
    scales = sorted(found.loc[~found["fitted"].astype(bool), "eps_scale"].unique())
    rows = [(row, part) for (row,), part in places(found, "row")]
    columns: dict[str, list[str]] = {
        "": [results.titles.get(row, row) for row, _ in rows],
        "Best scale": [best(part) for _, part in rows],
        "Seeds": [str(part["seed"].nunique()) for _, part in rows],
    }
    for scale in scales:
        columns[f"x {scale:g}"] = [percent(_change(part, scale)) for _, part in rows]
    return (
        "### Scale of the noise\n\n"
        "The predicted noise of each network times a factor. Best scale: of least FD to training photographs, of "
        f"{found['n_images'].min():,} images from other noise than the reported ones, in features of "
        f"`{found['network'].iloc[0]}`, for each seed. Under each factor: that FD against the one without a factor, "
        "mean over seeds; all in noise_scale.csv.\n\n"
        f"{markdown.columns_table(columns)}{_ends(rows, results)}"
    )


def best(choices: pd.DataFrame) -> str:
    """The scales that were chosen in words: their mean, and from which to which they go over seeds.

    Args:
        choices: lines of one row.
    """
    scales = choices.loc[choices["chosen"].astype(bool), "eps_scale"]
    spread = f" ({scales.min():g} to {scales.max():g})" if scales.nunique() > 1 else ""
    return f"{fmean(scales):.4g}{spread}"


def of_reference(results: Results, dataset: str, model: str) -> str:
    """A line on the best scale of the reference, for the notes of a page; nothing if none was looked for."""
    row = results.judgement.best_scale.get(results.judgement.reference, "")
    found = _of(results, dataset, model)
    found = found[found["row"] == row].set_index("seed")
    if found.empty:
        return ""
    least, plain = (
        found.loc[kept, "fd_train"].astype(float) for kept in (found["chosen"].astype(bool), found["eps_scale"] == 1.0)
    )
    return (
        f"**{results.reference}: its FD to training photographs is least with its noise x {best(found)}: "
        f"{percent(float(np.log(least / plain).mean()))}, without any training. What a row gains beyond calibration "
        "shows where both have their own best factor: see controls.md.**\n"
    )


def _of(results: Results, dataset: str, model: str) -> pd.DataFrame:
    table = lines(results)
    return table[(table["dataset"] == dataset) & (table["model"] == model)]


def _change(part: pd.DataFrame, scale: float) -> float:
    """log FD with a scale less that without, mean over the seeds of one row; NaN where it was not tried."""
    of_seed = part.pivot_table(index="seed", columns="eps_scale", values="fd_train")
    if scale not in of_seed or 1.0 not in of_seed:
        return math.nan
    return float(np.log(of_seed[scale] / of_seed[1.0]).mean())


def _ends(rows: list[tuple[str, pd.DataFrame]], results: Results) -> str:
    """A warning of the rows whose best scale is the first or the last that was tried."""
    beyond = []
    for row, part in rows:
        chosen = part.loc[part["chosen"].astype(bool), "eps_scale"]
        if chosen.isin([part["eps_scale"].min(), part["eps_scale"].max()]).any():
            beyond.append(results.titles.get(row, row))
    if not beyond:
        return ""
    return (
        f"\n**{'; '.join(beyond)}: the best scale is at an end of the list and may lie beyond it; "
        "choose_eps_scale.scales in params.yaml should go further.**\n"
    )
