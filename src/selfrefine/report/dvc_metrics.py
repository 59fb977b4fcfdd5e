"""The figures of all tables as plain numbers, for `dvc metrics show` and `dvc metrics diff`."""

from typing import Any

import pandas as pd

from selfrefine.core.names import FLAW, HEADLINE
from selfrefine.report.machines import Machines
from selfrefine.report.results import Results
from selfrefine.report.seed_statistics import records

MIXED = "unlike machines"  # no data set has such a name


def summary(results: Results, highlighters: pd.DataFrame, mixed: Machines) -> dict[str, Any]:
    """Plain numbers for `dvc metrics show`: data set -> model -> row -> feature network -> metric -> value; and under
    MIXED, where the jobs behind them did not all run alike, fact -> number of its values.

    Args:
        results: its generated images, all models.
        highlighters: from `table6.lines`; the figures of the flaw highlighter stand in the place of a row.
        mixed: from `machines.behind`.
    """
    figures = results.compared[["dataset", "model", "row", "network", "metric", "value"]]
    headlines = results.compared[results.compared["metric"] == HEADLINE].dropna(subset="difference")
    differences = headlines.assign(metric=f"{HEADLINE}_difference", value=headlines["difference"])
    tree: dict[str, Any] = {}
    for line in records(pd.concat([figures, differences[figures.columns]])):
        space = tree.setdefault(line["dataset"], {}).setdefault(line["model"], {}).setdefault(line["row"], {})
        space.setdefault(line["network"], {})[line["metric"]] = line["value"]
    for line in records(highlighters[highlighters["row"] == FLAW]):
        tree[line["dataset"]][line["model"]].setdefault("highlighter", {})[line["metric"]] = line["value"]
    return tree | ({MIXED: {name: len(values) for name, values in mixed.items()}} if mixed else {})
