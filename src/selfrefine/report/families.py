"""Which lines are of which model: Table 1 is of all, Tables 2, 3 and 7 and the controls are of one, as in the paper."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from selfrefine.report import seed_statistics
from selfrefine.report.seed_statistics import Judgement, Line
from selfrefine.report.tables import table2


def of_mains(lines: Iterable[Line], mains: Mapping[str, str]) -> list[dict[str, Any]]:
    """The lines of each data set's main model, of tidy metrics or of a table."""
    return [dict(line) for line in lines if mains.get(line["dataset"]) == line["model"]]


def every_model(
    metrics: Sequence[Line],
    paper: Sequence[Line],
    judgement: Judgement,
    mains: Mapping[str, str],
    stands_for: Mapping[str, str],
    scale: Mapping[tuple[str, str], str],
) -> list[dict[str, Any]]:
    """Lines as of `tables.table2` for every model, each judged by itself: no other model changes a line of one.

    The paper's Table 2 and the confirmatory contrasts are of the main models; the contrasts of others are exploratory.

    Args:
        metrics: tidy metrics of evaluate_generation, all data sets, models and seeds.
        paper: paper_values.csv.
        judgement: of the main models.
        mains: data set -> its main model (`config.main_model`).
        stands_for: data set -> the paper's data set.
        scale: from `tables.scales`.

    Raises:
        InputError: rows of different numbers of images, or that were compared with another reference.
    """
    seed_statistics.cells(metrics)  # refuses different numbers of images of two models, too
    others = dataclasses.replace(judgement, confirmatory=())
    found = table2.table2(of_mains(metrics, mains), paper, judgement, stands_for, scale)
    rest = [line for line in metrics if mains.get(line["dataset"]) != line["model"]]
    for model in dict.fromkeys(line["model"] for line in rest):
        part = [line for line in rest if line["model"] == model]
        found += table2.table2(part, (), others, stands_for, scale)
    return found
