"""Maps that can say nothing of flaws: flat ones, and those of a highlighter that tells generated images by chance."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from selfrefine.core.names import FLAW
from selfrefine.metrics.classification import GUESSING, guesses
from selfrefine.metrics.intervals import Estimate
from selfrefine.report.markdown import figure
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import FIGURE, Line, places, records

EMPTY_MAP = "was 0 everywhere, so that it steered nothing, in"
FLAT_MAP = "was the same everywhere, so that it had strength and no place, in"
HEADING = "## Maps to doubt"
FLAT_BY_DESIGN = "uniform"  # the map of that name


def words(table: pd.DataFrame, results: Results) -> str:
    """What a page says of the maps behind its data sets and models; nothing where all is well.

    Args:
        table: lines of the page, with columns dataset and model.
        results: all that was measured.
    """
    shown = set(zip(table["dataset"], table["model"], strict=True))
    runs, scores = (
        found[np.array([pair in shown for pair in zip(found["dataset"], found["model"], strict=True)], dtype=bool)]
        for found in (results.runs, _scores(results))
    )
    lines = [*_flat(runs, results), *_guessing(scores, results)]
    if not lines:
        return ""
    return f"\n{HEADING}\n\nWhat rests on these maps says nothing of flaws.\n\n{''.join(lines)}"


def _scores(results: Results) -> pd.DataFrame:
    """ROC-AUC of the highlighter behind the flaw map, of each seed."""
    found = results.of("highlighter")
    return found[(found["variant"] == FLAW) & (found["metric"] == "roc_auc")]


def _flat(runs: pd.DataFrame, results: Results) -> Iterator[str]:
    """A line for each data set and model with flat maps, of one kind."""
    for (dataset, model), part in places(runs, "dataset", "model"):
        by_design = part["map"] == FLAT_BY_DESIGN
        for kind, message, rows in (("n_empty", EMPTY_MAP, part), ("n_flat", FLAT_MAP, part[~by_design])):
            counts = rows.groupby("variant", sort=False)[[kind, "n_maps"]].sum()
            told = [
                f"{results.rows['variants'][variant]['title']} ({flat} of {maps} refreshes)"
                for variant, flat, maps in counts.itertuples()
                if flat
            ]
            if told:
                yield f"- {_place(dataset, model, results)}: the map {message} {', '.join(told)}.\n"


def _guessing(scores: pd.DataFrame, results: Results) -> Iterator[str]:
    """A line for each data set and model whose highlighter is not shown to tell generated images from real ones."""
    for (dataset, model), part in places(scores, "dataset", "model"):
        doubted: list[Line] = [line for line in records(part) if guesses(Estimate(*(line[name] for name in FIGURE)))]
        if doubted:
            told = ", ".join(f"{figure(line, '.3f')} in seed {line['seed']}" for line in doubted)
            yield (
                f"- {_place(dataset, model, results)}: the flaw highlighter is not shown to tell generated images from "
                f"real ones: ROC-AUC {told}, where {GUESSING} is guessing (Table 6).\n"
            )


def _place(dataset: str, model: str, results: Results) -> str:
    return f"{results.titles[model]} on {results.titles[dataset]}"
