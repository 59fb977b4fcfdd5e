"""The tables by the name of their files: what makes their lines of an experiment's `Results`, and their page."""

from collections.abc import Callable

import pandas as pd

from selfrefine.report import doubtful_maps, machines
from selfrefine.report.machines import Machines
from selfrefine.report.results import Results
from selfrefine.report.tables import (
    contrasts,
    contrasts_page,
    map_validity,
    sweep,
    table1,
    table2,
    table3,
    table4,
    table5,
    table6,
    table7,
    table_study,
)

TABLES: dict[str, tuple[Callable[[Results], pd.DataFrame], Callable[[pd.DataFrame, Results], str]]] = {
    "table1": (table1.lines, table1.page),
    "table2": (table2.lines, table2.page),
    "table3": (table3.lines, table3.page),
    "table4": (table4.lines, table4.page),
    "table5": (table5.lines, table5.page),
    "table6": (table6.lines, table6.page),
    "table7": (table7.lines, table7.page),
    "maps": (map_validity.lines, map_validity.page),
    "controls": (contrasts.lines, contrasts_page.page),
    "sweep": (sweep.lines, sweep.page),
    "table_study": (table_study.lines, table_study.page),
}


def page_of(name: str, table: pd.DataFrame, results: Results, mixed: Machines) -> str:
    """The page of a table, with what makes its figures doubtful: flat maps, highlighters that guess, unlike machines.

    Args:
        name: of the table.
        table: its lines.
        results: what they were made of.
        mixed: from `machines.behind`.
    """
    _, page = TABLES[name]
    return page(table, results) + doubtful_maps.words(table, results) + machines.mixed_words(mixed)
