"""The figures of all tables as plain numbers, for `dvc metrics show` and `dvc metrics diff`."""

import math
from collections.abc import Iterable
from typing import Any

from selfrefine.core.names import FLAW, HEADLINE
from selfrefine.report.seed_statistics import Line


def summary(table: Iterable[Line], highlighter: Iterable[Line]) -> dict[str, Any]:
    """Plain numbers for `dvc metrics show`: data set -> model -> row -> feature network -> metric -> value.

    Args:
        table: from `table2`.
        highlighter: from `table6.lines`; the figures of the flaw highlighter stand in the place of a row.
    """
    tree: dict[str, Any] = {}
    for line in table:
        leaves = tree
        for column in ("dataset", "model", "row", "network"):
            leaves = leaves.setdefault(line[column], {})
        leaves[line["metric"]] = line["value"]
        if line["metric"] == HEADLINE and math.isfinite(line["difference"]):
            leaves[f"{HEADLINE}_difference"] = line["difference"]
    for line in highlighter:
        if line["row"] == FLAW:
            tree[line["dataset"]][line["model"]].setdefault("highlighter", {})[line["metric"]] = line["value"]
    return tree
